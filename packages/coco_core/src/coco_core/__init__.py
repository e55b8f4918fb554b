"""The pure logic of CoCo: parsing, chunking, search intent, ranking, relocation, metrics.

It does no I/O; what it needs from outside is named in `coco_core.ports` and
`coco_core.search.ports`. Import what you need from the modules.
"""
