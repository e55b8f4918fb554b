(class_declaration name: (identifier) @name) @definition.class
(object_declaration name: (identifier) @name) @definition.class
(companion_object name: (identifier) @name) @definition.class
(function_declaration (user_type) @scope . name: (identifier) @name) @definition.method
(function_declaration name: (identifier) @name) @definition.function
(secondary_constructor "constructor" @name) @definition.method
(property_declaration (variable_declaration (identifier) @name)) @definition.constant
(type_alias type: (identifier) @name) @definition.type
(enum_entry (identifier) @name) @definition.field

(class_body) @body
(enum_class_body) @body
(block) @body
(lambda_literal) @body
(when_expression) @body

(line_comment) @lead
(block_comment) @lead

(import (qualified_identifier) @import)
