(function name: (identifier) @name) @definition.function
(external_function name: (identifier) @name) @definition.function
(type_definition (type_name name: (type_identifier) @name)) @definition.type
(type_alias (type_name name: (type_identifier) @name)) @definition.type
(external_type (type_name name: (type_identifier) @name)) @definition.type
(constant name: (identifier) @name) @definition.constant
(data_constructor name: (constructor_name) @name) @definition.field

(function_body) @body
(block) @body
(case) @body
(data_constructors) @body

(statement_comment) @lead
(module_comment) @lead
(attribute) @lead

(import module: (module) @import)
