(class_declaration name: (identifier) @name) @definition.class
(interface_declaration name: (identifier) @name) @definition.interface
(enum_declaration name: (identifier) @name) @definition.enum
(method_declaration name: (identifier) @name) @definition.method
(constructor_declaration name: (identifier) @name) @definition.method
(field_declaration declarator: (variable_declarator name: (identifier) @name)) @definition.field

(class_body) @body
(interface_body) @body
(enum_body) @body
(block) @body
(closure) @body

(line_comment) @lead
(block_comment) @lead

(import_declaration (_) @import)
