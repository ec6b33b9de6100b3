"""Export requests against the official description of OTLP: every line on standard input is the body
of one, in JSON. Prints the number of spans.

Protobuf's own mapping to JSON has bytes in base64, and OTLP's has ids in hexadecimal: they are
turned into each other first.
"""

import base64
import json
import sys

from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

LENGTHS = {"traceId": 16, "spanId": 8, "parentSpanId": 8}


def with_base64(value):
    if isinstance(value, list):
        return [with_base64(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {key: of_hex(key, item) if key in LENGTHS else with_base64(item) for key, item in value.items()}


def of_hex(key, text):
    raw = bytes.fromhex(text)
    assert len(raw) == LENGTHS[key] or (key == "parentSpanId" and not raw), f"{key}: {text}"
    return base64.b64encode(raw).decode()


spans = 0
for line in sys.stdin:
    # Fields that the description does not have are refused.
    request = json_format.ParseDict(with_base64(json.loads(line)), ExportTraceServiceRequest())
    for resource in request.resource_spans:
        names = {attribute.key for attribute in resource.resource.attributes}
        assert "service.name" in names, names
        for scope in resource.scope_spans:
            for span in scope.spans:
                assert span.name and span.start_time_unix_nano <= span.end_time_unix_nano, span
                for attribute in span.attributes:
                    assert attribute.value.WhichOneof("value"), attribute
            spans += len(scope.spans)
print(spans)
