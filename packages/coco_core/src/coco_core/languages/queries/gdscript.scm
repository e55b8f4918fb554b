(class_name_statement (name) @name) @definition.class
(class_definition name: (name) @name) @definition.class
(function_definition name: (name) @name) @definition.function
(constructor_definition "_init" @name) @definition.function
(enum_definition name: (name) @name) @definition.enum
(signal_statement (name) @name) @definition.constant
(source (const_statement name: (name) @name) @definition.constant)
(source (variable_statement name: (name) @name) @definition.constant)

(body) @body
(enumerator_list) @body

(comment) @lead
(annotation) @lead

(extends_statement (_) @import)
