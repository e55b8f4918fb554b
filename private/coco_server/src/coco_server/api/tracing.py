"""OpenTelemetry traces, when a collector is configured (`coco-server[otel]`)."""

from __future__ import annotations

from fastapi import FastAPI

from coco_core.errors import InvalidConfig

__all__ = ["add_tracing"]


def add_tracing(app: FastAPI, endpoint: str) -> None:
    """Send a span for each request to the collector at ``endpoint`` (OTLP over HTTP).

    Raises:
        InvalidConfig: the packages are not installed.
    """
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise InvalidConfig(
            "A collector is configured, and OpenTelemetry is not installed.",
            hint="Run: pip install 'coco-server[otel]', or unset COCO_OTEL_ENDPOINT.",
        ) from error
    from coco_server.api.spans import trace_with

    provider = TracerProvider(resource=Resource.create({"service.name": "coco-server"}))
    exporter = OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces")
    provider.add_span_processor(BatchSpanProcessor(exporter))
    trace_with(app, provider)
