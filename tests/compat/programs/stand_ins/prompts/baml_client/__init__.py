"""Stands in for a client that BAML generates, whose requests Python cannot lead elsewhere."""

from __future__ import annotations

from typing import Any

from baml_client.types import Address, Contact, Patient, SlideTranscript


class _Functions:
    async def ExtractPatientInfo(self, intake_form: Any) -> Patient:  # noqa: N802 - BAML's style
        """Return what a form says."""
        assert type(intake_form).__name__ == "BamlPdfPy"
        return Patient(
            name="A patient",
            dob="1990-01-02",
            gender="N/A",
            address=Address(street="1 Main St", city="Springfield", state="IL", zip_code="62701"),
            phone="N/A",
            email="N/A",
            preferred_contact_method="N/A",
            emergency_contact=Contact(name="N/A", phone="N/A", relationship="N/A"),
            reason_for_visit="N/A",
            symptoms_duration="N/A",
            past_conditions=[],
            current_medications=[],
            allergies=[],
            surgeries=[],
            consent_given=True,
        )

    async def ExtractSlideTranscript(self, image: Any) -> SlideTranscript:  # noqa: N802
        """Return what is said to a slide."""
        return SlideTranscript(speaker_notes="Words about a slide.")


b = _Functions()
