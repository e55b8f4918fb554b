"""Code intelligence of the fake service: Python's lines that begin with ``def`` or ``class``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from coco_protocol.code import (
    DefinitionBody,
    FileBody,
    FilesData,
    FilesRequest,
    MapData,
    MapEntry,
    MapRequest,
    NamesData,
    NamesRequest,
    OccurrenceBody,
    SymbolData,
    SymbolRequest,
)
from coco_protocol.local import LocalService
from tests.fake_documents import ANSWERS, FakeProject, language_of, selected

if TYPE_CHECKING:
    from tests.fake_service import FakeService

__all__ = ["ANSWERS"]


def _definitions(project: FakeProject) -> list[DefinitionBody]:
    return [
        DefinitionBody(
            path=name,
            symbol=found[2],
            kind="class" if found[1] == "class" else "function",
            line=text[: found.start()].count("\n") + 1,
            column=found.start(2) - found.start() + 1,
            end_line=text[: found.start()].count("\n") + 2,
            signature=found[0],
        )
        for name, text in project.files.items()
        for found in re.finditer(r"^(def|class) (\w+).*", text, re.MULTILINE)
    ]


@ANSWERS.answers(LocalService.symbol)
def symbol(service: FakeService, request: SymbolRequest) -> SymbolData:
    project = service.resolve(request.project_id, request.path)
    known = _definitions(project)
    definitions = [each for each in known if each.symbol == request.name]
    occurrences = [
        OccurrenceBody(
            path=name,
            line=text[: found.start()].count("\n") + 1,
            column=1,
            end_column=1,
            role="use",
            sure=True,
            why="the name",
        )
        for name, text in selected(project, request.include, request.exclude)
        for found in re.finditer(rf"\b{re.escape(request.name)}\b", text)
    ]
    return SymbolData(
        name=request.name,
        want=request.want,
        definitions=definitions,
        occurrences=occurrences if request.want == "references" else [],
        near=[] if definitions else [each.symbol for each in known],
        notice=None if definitions else f"Nothing in the project defines {request.name!r}.",
    )


@ANSWERS.answers(LocalService.names)
def names(service: FakeService, request: NamesRequest) -> NamesData:
    project = service.resolve(request.project_id, request.path)
    known = sorted(each.symbol for each in _definitions(project))
    return NamesData(names=[name for name in known if name.startswith(request.prefix)])


@ANSWERS.answers(LocalService.files)
def files(service: FakeService, request: FilesRequest) -> FilesData:
    project = service.resolve(request.project_id, request.path)
    found = [
        FileBody(path=name, language=language_of(name), size=len(text))
        for name, text in selected(project, request.include, request.exclude)
    ]
    return FilesData(files=found, total=len(found))


@ANSWERS.answers(LocalService.map)
def project_map(service: FakeService, request: MapRequest) -> MapData:
    project = service.resolve(request.project_id, request.path)
    names = [name for name in project.files if name.startswith(request.directory)]
    return MapData(
        entries=[MapEntry(path=name, files=1) for name in names],
        text="\n".join(names),
        files=len(names),
        definitions=len(_definitions(project)),
    )
