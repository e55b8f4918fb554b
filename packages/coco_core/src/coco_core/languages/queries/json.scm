(document (object (pair key: (string (string_content) @name)) @definition.config))
(document (object (pair value: (object (pair key: (string (string_content) @name)) @definition.config))))

(object) @body
(array) @body

(comment) @lead
