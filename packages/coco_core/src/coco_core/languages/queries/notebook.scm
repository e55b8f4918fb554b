(document (object (pair
  key: (string (string_content) @_cells) value: (array (object) @cell)) (#eq? @_cells "cells")))
(document (object (pair value: (array (object (pair
  key: (string (string_content) @_type) value: (string (string_content) @name)) @type)))
  (#eq? @_type "cell_type")))
(document (object (pair value: (array (object (pair
  key: (string (string_content) @_source) value: (array (string) @line)))))
  (#eq? @_source "source")))
(document (object (pair value: (array (object (pair
  key: (string (string_content) @_source) value: (string) @line))))
  (#eq? @_source "source")))
