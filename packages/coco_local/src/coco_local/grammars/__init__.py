"""WebAssembly grammars in ``~/.coco/grammars``: their sources, how they are kept and used."""
