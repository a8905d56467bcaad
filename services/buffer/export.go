package buffer

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress/zstd"

	"github.com/propersim/propersim/pkg/errs"
	bufferv1 "github.com/propersim/propersim/proto/gen/propersim/buffer/v1"
	simv1 "github.com/propersim/propersim/proto/gen/propersim/simulation/v1"
)

// Row is one pair in TRL's conversational preference format, explicit prompt:
// https://huggingface.co/docs/trl/dataset_formats. JSONL and Parquet files have
// the same columns.
type Row struct {
	// Prompt is what the policy was given.
	Prompt []Message `json:"prompt" parquet:"prompt,list"`
	// Chosen is the better answer, one assistant message.
	Chosen []Message `json:"chosen" parquet:"chosen,list"`
	// Rejected is the worse answer, one assistant message.
	Rejected []Message `json:"rejected" parquet:"rejected,list"`
	// ScoreChosen is the user's total for the better answer, 1 to 4.
	ScoreChosen int32 `json:"score_chosen" parquet:"score_chosen"`
	// ScoreRejected is the user's total for the worse answer, 0 to 3.
	ScoreRejected int32 `json:"score_rejected" parquet:"score_rejected"`
	// RunID is the run.
	RunID string `json:"run_id" parquet:"run_id,dict"`
	// Step of the run, 0-based.
	Step int32 `json:"step" parquet:"step"`
	// Index of the pair among those of its step; 0 is the best candidate over the
	// worst.
	Index int32 `json:"index" parquet:"index"`
	// Day of the run, 1-based.
	Day int32 `json:"day" parquet:"day"`
	// Adapter that was in force; empty for the base policy.
	Adapter string `json:"adapter" parquet:"adapter,dict"`
}

// Message is one turn of a chat.
type Message struct {
	// Role is system, user or assistant.
	Role string `json:"role" parquet:"role,dict"`
	// Content is the text.
	Content string `json:"content" parquet:"content"`
}

func newRow(p *bufferv1.PreferencePair) Row {
	row := Row{
		Prompt:        make([]Message, 0, len(p.GetPrompt().GetMessages())),
		Chosen:        answer(p.GetChosen()),
		Rejected:      answer(p.GetRejected()),
		ScoreChosen:   p.GetChosenEvaluation().GetTotal(),
		ScoreRejected: p.GetRejectedEvaluation().GetTotal(),
		RunID:         p.GetRunId(),
		Step:          p.GetStep(),
		Index:         p.GetIndex(),
		Day:           p.GetDay(),
		Adapter:       p.GetAdapter(),
	}
	for _, m := range p.GetPrompt().GetMessages() {
		row.Prompt = append(row.Prompt, Message{Role: m.GetRole(), Content: m.GetContent()})
	}
	return row
}

func answer(c *simv1.Candidate) []Message {
	return []Message{{Role: "assistant", Content: c.GetCompletion()}}
}

// file writes pairs in one format.
type file interface {
	write(*bufferv1.PreferencePair) error
	close() error
}

func newFile(format bufferv1.ExportFormat, w io.Writer) (file, error) {
	buffered := bufio.NewWriterSize(w, chunkBytes)
	switch format {
	case bufferv1.ExportFormat_EXPORT_FORMAT_JSONL:
		encoder := json.NewEncoder(buffered)
		encoder.SetEscapeHTML(false)
		return &jsonLines{encoder: encoder, out: buffered}, nil
	case bufferv1.ExportFormat_EXPORT_FORMAT_PARQUET:
		return &parquetFile{rows: parquet.NewGenericWriter[Row](buffered, parquet.Compression(&zstd.Codec{}),
			parquet.CreatedBy("propersim", "", "")), out: buffered}, nil
	}
	return nil, errs.Invalid("format", "found %v, want JSONL or PARQUET", format)
}

type jsonLines struct {
	encoder *json.Encoder
	out     *bufio.Writer
}

func (f *jsonLines) write(p *bufferv1.PreferencePair) error { return f.encoder.Encode(newRow(p)) }
func (f *jsonLines) close() error                           { return f.out.Flush() }

// rowGroup bounds the rows that a Parquet file holds back in memory.
const rowGroup = 4096

type parquetFile struct {
	rows  *parquet.GenericWriter[Row]
	out   *bufio.Writer
	group int // rows since the last flush
}

func (f *parquetFile) write(p *bufferv1.PreferencePair) error {
	if _, err := f.rows.Write([]Row{newRow(p)}); err != nil {
		return err
	}
	if f.group++; f.group < rowGroup {
		return nil
	}
	f.group = 0
	return f.rows.Flush()
}

func (f *parquetFile) close() error { return errors.Join(f.rows.Close(), f.out.Flush()) }
