(class_definition name: (identifier) @name) @definition.class
(mixin_declaration . (mixin) . (identifier) @name) @definition.class
(enum_declaration name: (identifier) @name) @definition.enum
(extension_declaration name: (identifier) @name) @container
(type_alias . (type_identifier) @name) @definition.type
(program (function_signature name: (identifier) @name) @definition.function)
(program (static_final_declaration_list (static_final_declaration . (identifier) @name)) @definition.constant)
(method_signature (function_signature name: (identifier) @name)) @definition.method
(method_signature (getter_signature name: (identifier) @name)) @definition.method
(method_signature (setter_signature name: (identifier) @name)) @definition.method
(method_signature (constructor_signature name: (identifier) @name)) @definition.method
(method_signature (factory_constructor_signature . (identifier) @name)) @definition.method
(declaration (function_signature name: (identifier) @name)) @definition.method
(declaration (constructor_signature . name: (identifier) @name)) @definition.method
(declaration (initialized_identifier_list . (initialized_identifier . (identifier) @name))) @definition.field

(class_body) @body
(extension_body) @body
(enum_body) @body
(block) @body

(comment) @lead
(documentation_comment) @lead
(annotation) @lead

(import_specification (configurable_uri (uri (string_literal) @import)))
