(binding attrpath: (attrpath) @name expression: (function_expression)) @definition.function
(binding attrpath: (attrpath) @name) @definition.config

(binding_set) @body
(attrset_expression) @spread
(rec_attrset_expression) @spread
(let_expression) @spread
(function_expression) @spread
(list_expression) @body
(with_expression) @spread

(comment) @lead

(apply_expression function: (variable_expression name: (identifier) @_import)
  argument: (path_expression) @import (#eq? @_import "import"))
