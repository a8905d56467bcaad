"""Messages of Qdrant's gRPC contract in the engine's terms, and back.

What the engine is not asked for here is refused with Refused, which names the
field: nothing of a request is overlooked.
"""

import qdrant_edge as engine


class Refused(Exception):
    """A request that this server cannot serve as Qdrant would."""


def only(message, *known):
    """Raises Refused if the message sets a field beside the known ones."""
    for field, _ in message.ListFields():
        if field.name not in known:
            raise Refused(f"{message.DESCRIPTOR.name}.{field.name} is not known here")


def point_id(message):
    return message.uuid if message.WhichOneof("point_id_options") == "uuid" else message.num


def write_point_id(value, message):
    if isinstance(value, int):
        message.num = value
    else:
        message.uuid = str(value)


def value(message):
    """A payload's value as Python has it."""
    kind = message.WhichOneof("kind")
    if kind is None:
        raise ValueError("a payload has a value without a kind")
    if kind == "null_value":
        return None
    if kind == "struct_value":
        return payload(message.struct_value.fields)
    if kind == "list_value":
        return [value(v) for v in message.list_value.values]
    return getattr(message, kind)


def payload(fields):
    return {key: value(v) for key, v in fields.items()}


def write_value(v, message):
    if v is None:
        message.null_value = 0
    elif isinstance(v, bool):
        message.bool_value = v
    elif isinstance(v, int):
        message.integer_value = v
    elif isinstance(v, float):
        message.double_value = v
    elif isinstance(v, str):
        message.string_value = v
    elif isinstance(v, dict):
        message.struct_value.SetInParent()
        write_payload(v, message.struct_value.fields)
    else:
        message.list_value.SetInParent()
        for item in v:
            write_value(item, message.list_value.values.add())


def write_payload(fields, message):
    for key, v in (fields or {}).items():
        write_value(v, message[key])


def vector(message):
    """The numbers of a dense vector, in the present or the older form."""
    only(message, "dense", "data")
    return list(message.dense.data or message.data)


def point(message):
    only(message, "id", "payload", "vectors")
    only(message.vectors, "vector")
    return engine.Point(point_id(message.id), vector(message.vectors.vector), payload(message.payload))


def condition(message):
    kind = message.WhichOneof("condition_one_of")
    if kind == "has_id":
        return engine.HasIdCondition({point_id(p) for p in message.has_id.has_id})
    if kind == "filter":
        return filter_of(message.filter)
    if kind != "field":
        raise Refused(f"a condition {kind} is not known here")
    only(message.field, "key", "match", "range")
    match = span = None
    if message.field.HasField("match"):
        only(message.field.match, "keyword", "integer", "boolean")
        match = engine.MatchValue(getattr(message.field.match, message.field.match.WhichOneof("match_value")))
    if message.field.HasField("range"):
        span = engine.RangeFloat(**{f.name: bound for f, bound in message.field.range.ListFields()})
    return engine.FieldCondition(message.field.key, match=match, range=span)


def filter_of(message):
    only(message, "must", "should", "must_not")
    parts = {f.name: [condition(c) for c in conditions] for f, conditions in message.ListFields()}
    return engine.Filter(**parts)


def filter_if_set(message):
    return filter_of(message.filter) if message.HasField("filter") else None


def query(message):
    """A QueryPoints as the engine's request: nearest to a dense vector."""
    only(message, "collection_name", "query", "filter", "params", "score_threshold", "limit", "offset", "with_vectors", "with_payload", "timeout")
    only(message.query, "nearest")
    only(message.query.nearest, "dense")
    only(message.params, "exact", "hnsw_ef", "indexed_only")
    only(message.with_vectors, "enable")
    only(message.with_payload, "enable")
    params = {f.name: v for f, v in message.params.ListFields()}
    return engine.QueryRequest(
        limit=message.limit if message.HasField("limit") else 10,
        offset=message.offset,
        query=engine.Query.Nearest(list(message.query.nearest.dense.data)),
        filter=filter_if_set(message),
        score_threshold=message.score_threshold if message.HasField("score_threshold") else None,
        params=engine.SearchParams(**params),
        with_vector=message.with_vectors.enable,
        with_payload=message.with_payload.enable,
    )


def write_scored(found, message):
    write_point_id(found.id, message.id)
    message.score, message.version = found.score, found.version
    write_payload(found.payload, message.payload)
    if found.vector is not None:
        message.vectors.vector.dense.data.extend(found.vector)


def index_params(message, field_types):
    """The engine's parameters of a CreateFieldIndexCollection."""
    only(message, "collection_name", "wait", "field_name", "field_type", "field_index_params", "timeout")
    named = field_types.Name(message.field_type).removeprefix("FieldType")
    kind = message.field_index_params.WhichOneof("index_params")
    if kind is None:
        return getattr(engine.PayloadSchemaType, named)
    if kind != f"{named.lower()}_index_params" or kind not in ("keyword_index_params", "integer_index_params"):
        raise Refused(f"{kind} for a {named} field are not known here")
    given = {f.name: v for f, v in getattr(message.field_index_params, kind).ListFields()}
    return (engine.KeywordIndexParams if named == "Keyword" else engine.IntegerIndexParams)(**given)
