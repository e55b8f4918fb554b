"""Operations under the public engine's names."""
