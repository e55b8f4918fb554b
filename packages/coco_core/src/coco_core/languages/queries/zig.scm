(function_declaration name: (identifier) @name) @definition.function
(variable_declaration (identifier) @name [
  (struct_declaration) (enum_declaration) (union_declaration) (opaque_declaration) (error_set_declaration)]) @definition.class
(variable_declaration . (identifier) @name) @definition.constant
(variable_declaration "const" . (identifier) @name) @definition.constant
(variable_declaration "var" . (identifier) @name) @definition.constant
(test_declaration [(string) (identifier)] @name) @definition.function

(block) @body
(struct_declaration) @body
(enum_declaration) @body
(union_declaration) @body
(switch_expression) @body

(comment) @lead

(builtin_function (builtin_identifier) @_import (arguments (string (string_content) @import))
  (#eq? @_import "@import"))
