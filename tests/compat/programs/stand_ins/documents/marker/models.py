"""Models of a conversion."""


def create_model_dict() -> dict[str, None]:
    """Return what `PdfConverter` wants."""
    return {"layout": None}
