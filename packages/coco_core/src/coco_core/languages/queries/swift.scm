(class_declaration declaration_kind: _ @_kind name: (type_identifier) @name) @definition.class
(class_declaration declaration_kind: "extension" name: (_) @name) @container
(protocol_declaration name: (_) @name) @definition.interface
(typealias_declaration . name: (type_identifier) @name) @definition.type
(function_declaration name: (simple_identifier) @name) @definition.function
(protocol_function_declaration name: (simple_identifier) @name) @definition.method
(init_declaration "init" @name) @definition.method
(deinit_declaration "deinit" @name) @definition.method
(subscript_declaration "subscript" @name) @definition.method
(property_declaration name: (pattern bound_identifier: (simple_identifier) @name)) @definition.constant
(protocol_property_declaration name: (pattern bound_identifier: (simple_identifier) @name)) @definition.field
(enum_entry name: (simple_identifier) @name) @definition.field

(class_body) @body
(enum_class_body) @body
(protocol_body) @body
(function_body) @body
(statements) @body
(computed_property) @body

(comment) @lead
(multiline_comment) @lead

(import_declaration (identifier) @import)
