(table . (_) @name) @definition.config
(table_array_element . (_) @name) @definition.config
(document (pair . (_) @name) @definition.config)

(table) @body
(table_array_element) @body
(array) @body

(comment) @lead
