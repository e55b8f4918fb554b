"""Types in the style of those that BAML generates."""

from __future__ import annotations

from pydantic import BaseModel


class Contact(BaseModel):
    name: str
    phone: str
    relationship: str


class Address(BaseModel):
    street: str
    city: str
    state: str
    zip_code: str


class Pharmacy(BaseModel):
    name: str
    phone: str
    address: Address


class Insurance(BaseModel):
    provider: str
    policy_number: str
    group_number: str | None = None
    policyholder_name: str
    relationship_to_patient: str


class Condition(BaseModel):
    name: str
    diagnosed: bool


class Medication(BaseModel):
    name: str
    dosage: str


class Allergy(BaseModel):
    name: str


class Surgery(BaseModel):
    name: str
    date: str


class Patient(BaseModel):
    name: str
    dob: str
    gender: str
    address: Address
    phone: str
    email: str
    preferred_contact_method: str
    emergency_contact: Contact
    insurance: Insurance | None = None
    reason_for_visit: str
    symptoms_duration: str
    past_conditions: list[Condition]
    current_medications: list[Medication]
    allergies: list[Allergy]
    surgeries: list[Surgery]
    occupation: str | None = None
    pharmacy: Pharmacy | None = None
    consent_given: bool
    consent_date: str | None = None


class SlideTranscript(BaseModel):
    speaker_notes: str
