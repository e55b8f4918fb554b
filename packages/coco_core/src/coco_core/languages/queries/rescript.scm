(let_binding pattern: (value_identifier) @name body: (function)) @definition.function
(source_file (let_declaration (let_binding pattern: (value_identifier) @name)) @definition.constant)
(type_binding name: (type_identifier) @name) @definition.type
(module_binding name: (module_identifier) @name) @definition.module
(external_declaration (value_identifier) @name) @definition.function
(exception_declaration (variant_identifier) @name) @definition.type

(block) @body
(switch_expression) @body

(comment) @lead
(decorator) @lead

(open_statement (_) @import)
