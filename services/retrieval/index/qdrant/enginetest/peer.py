"""A test peer: Qdrant's gRPC API, as far as the index driver uses it, on
Qdrant's own engine (qdrant-edge-py). The engine is Qdrant's, this server around
it is not: see README.md for what that proves.

    python peer.py --protos DIR --data DIR [--address 127.0.0.1:0] [--api-key KEY | --api-key-file FILE]

DIR of --protos has Qdrant's .proto files, as its Go client ships them. The first
line of the output is the address; the end of standard input ends the process.
"""

import argparse
import concurrent.futures
import hmac
import os
import sys
import threading

import grpc

import shards
import translate

arguments = argparse.ArgumentParser()
arguments.add_argument("--protos", required=True)
arguments.add_argument("--data", required=True)
arguments.add_argument("--address", default="127.0.0.1:0")
key = arguments.add_mutually_exclusive_group()
key.add_argument("--api-key", default="")
key.add_argument("--api-key-file", type=argparse.FileType())
options = arguments.parse_args()
api_key = options.api_key_file.read().strip() if options.api_key_file else options.api_key

sys.path.insert(0, options.protos)
collections_pb, collections_grpc = grpc.protos_and_services("collections_service.proto")
points_pb, points_grpc = grpc.protos_and_services("points_service.proto")
import collections_pb2 as c  # noqa: E402  made by the lines above
import points_pb2 as p  # noqa: E402

CODES = {
    translate.Refused: grpc.StatusCode.UNIMPLEMENTED,
    shards.Missing: grpc.StatusCode.NOT_FOUND,
    shards.Exists: grpc.StatusCode.ALREADY_EXISTS,
    ValueError: grpc.StatusCode.INVALID_ARGUMENT,
}


def answered(method):
    """Turns what a method raises into a status; an error of the engine about
    the request is an invalid argument, as in Qdrant."""

    def call(self, request, context):
        try:
            return method(self, request)
        except Exception as err:  # the engine raises plain Exceptions
            code = next((code for kind, code in CODES.items() if isinstance(err, kind)), None)
            if code is None:
                code = grpc.StatusCode.INVALID_ARGUMENT if "Vector dimension error" in str(err) else grpc.StatusCode.INTERNAL
            context.abort(code, str(err))

    return call


class Collections(collections_grpc.CollectionsServicer):
    def __init__(self, store):
        self.store = store

    @answered
    def CollectionExists(self, request):
        return c.CollectionExistsResponse(result=c.CollectionExists(exists=request.collection_name in self.store.names()))

    @answered
    def List(self, request):
        return c.ListCollectionsResponse(collections=[c.CollectionDescription(name=name) for name in self.store.names()])

    @answered
    def Create(self, request):
        translate.only(request, "collection_name", "vectors_config", "timeout")
        translate.only(request.vectors_config, "params")
        params = request.vectors_config.params
        translate.only(params, "size", "distance")
        if params.size < 1 or params.distance == c.UnknownDistance:
            raise ValueError("Wrong input: vectors need a size and a distance")
        self.store.create(request.collection_name, params.size, c.Distance.Name(params.distance))
        return c.CollectionOperationResponse(result=True)

    @answered
    def Delete(self, request):
        return c.CollectionOperationResponse(result=self.store.delete(request.collection_name))

    @answered
    def Get(self, request):
        collection = self.store.get(request.collection_name)
        info = collection.shard.info()
        result = c.CollectionInfo(
            status=c.Green,
            optimizer_status=c.OptimizerStatus(ok=True),
            segments_count=info.segments_count,
            points_count=info.points_count,
            indexed_vectors_count=info.indexed_vectors_count,
        )
        params = result.config.params.vectors_config.params
        params.size, params.distance = collection.size, c.Distance.Value(collection.distance)
        for name, field in info.payload_schema.items():
            kind = str(field.data_type).rsplit(".", 1)[-1]
            result.payload_schema[name].data_type = c.PayloadSchemaType.Value(kind)
            result.payload_schema[name].points = field.points
            if kind == "Keyword" and field.params is not None and field.params.is_tenant is not None:
                result.payload_schema[name].params.keyword_index_params.is_tenant = field.params.is_tenant
        return c.GetCollectionInfoResponse(result=result)


class Points(points_grpc.PointsServicer):
    def __init__(self, store):
        self.store = store

    def update(self, request, operation):
        if not request.wait:
            raise translate.Refused("a write without wait is not known here")
        version = self.store.get(request.collection_name).update(operation)
        return p.PointsOperationResponse(result=p.UpdateResult(operation_id=version, status=p.Completed))

    @answered
    def CreateFieldIndex(self, request):
        params = translate.index_params(request, p.FieldType)
        return self.update(request, translate.engine.UpdateOperation.create_field_index(request.field_name, params))

    @answered
    def Upsert(self, request):
        translate.only(request, "collection_name", "wait", "points", "timeout")
        return self.update(request, translate.engine.UpdateOperation.upsert_points([translate.point(m) for m in request.points]))

    @answered
    def Delete(self, request):
        translate.only(request, "collection_name", "wait", "points", "timeout")
        if request.points.WhichOneof("points_selector_one_of") == "filter":
            operation = translate.engine.UpdateOperation.delete_points_by_filter(translate.filter_of(request.points.filter))
        else:
            operation = translate.engine.UpdateOperation.delete_points([translate.point_id(m) for m in request.points.points.ids])
        return self.update(request, operation)

    @answered
    def Count(self, request):
        translate.only(request, "collection_name", "filter", "exact", "timeout")
        exact = request.exact if request.HasField("exact") else True
        wanted = translate.engine.CountRequest(exact=exact, filter=translate.filter_if_set(request))
        return p.CountResponse(result=p.CountResult(count=self.store.get(request.collection_name).shard.count(wanted)))

    @answered
    def Query(self, request):
        response = p.QueryResponse()
        for found in self.store.get(request.collection_name).shard.query(translate.query(request)):
            translate.write_scored(found, response.result.add())
        return response


class Guard(grpc.ServerInterceptor):
    """Lets a call pass that gives the API key as Qdrant wants it."""

    def __init__(self, key):
        self.key = key

        def refuse(_, context):
            context.abort(grpc.StatusCode.UNAUTHENTICATED, "Invalid API key or JWT")

        self.refusal = grpc.unary_unary_rpc_method_handler(refuse)

    def intercept_service(self, continuation, details):
        given = dict(details.invocation_metadata).get("api-key", "")
        return continuation(details) if hmac.compare_digest(given.encode(), self.key.encode()) else self.refusal


def look_after(store):
    while True:
        threading.Event().wait(1)
        store.look_after()


def main():
    store = shards.Shards(options.data)
    threading.Thread(target=look_after, args=(store,), daemon=True).start()
    server = grpc.server(
        concurrent.futures.ThreadPoolExecutor(16),
        interceptors=[Guard(api_key)] if api_key else [],
        options=[
            ("grpc.so_reuseport", 0),
            ("grpc.max_receive_message_length", 32 << 20),  # Qdrant's default
            ("grpc.max_send_message_length", -1),
            ("grpc.http2.max_ping_strikes", 0),  # Qdrant takes any number of pings
        ],
    )
    collections_grpc.add_CollectionsServicer_to_server(Collections(store), server)
    points_grpc.add_PointsServicer_to_server(Points(store), server)
    port = server.add_insecure_port(options.address)
    server.start()
    print(f"{options.address.rsplit(':', 1)[0]}:{port}", flush=True)
    sys.stdin.buffer.read()
    os._exit(0)  # as abruptly as a crash: what was acknowledged is in the engine's log


main()
