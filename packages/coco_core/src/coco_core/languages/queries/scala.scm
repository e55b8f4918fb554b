(class_definition name: (_) @name) @definition.class
(object_definition name: (_) @name) @definition.class
(trait_definition name: (_) @name) @definition.trait
(enum_definition name: (_) @name) @definition.enum
(package_object name: (_) @name) @definition.class
(type_definition name: (_) @name) @definition.type
(function_definition name: (_) @name) @definition.function
(function_declaration name: (_) @name) @definition.function
(val_definition pattern: (identifier) @name) @definition.constant
(var_definition pattern: (identifier) @name) @definition.constant
(val_declaration name: (identifier) @name) @definition.constant
(given_definition name: (_) @name) @definition.constant
(simple_enum_case name: (identifier) @name) @definition.field
(full_enum_case name: (identifier) @name) @definition.field
(extension_definition) @container

(template_body) @body
(with_template_body) @body
(enum_body) @body
(block) @body
(indented_block) @body
(case_block) @body
(indented_cases) @body
(extension_definition) @body
(package_clause body: (_) @spread)

(comment) @lead
(block_comment) @lead

(import_declaration) @import
