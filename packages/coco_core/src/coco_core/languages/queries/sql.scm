(create_table (object_reference name: (identifier) @name)) @definition.class
(create_view (object_reference name: (identifier) @name)) @definition.class
(create_materialized_view (object_reference name: (identifier) @name)) @definition.class
(create_type (object_reference name: (identifier) @name)) @definition.class
(create_schema (identifier) @name) @definition.class
(create_function (object_reference name: (identifier) @name)) @definition.function
(create_trigger . (keyword_create) . (keyword_trigger) . (object_reference name: (identifier) @name)) @definition.function
(create_index column: (identifier) @name) @definition.constant

(column_definitions) @body
(function_body) @body

(comment) @lead
(marginalia) @lead
