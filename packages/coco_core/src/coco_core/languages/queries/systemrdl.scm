(component_named_def id: (id) @name) @definition.struct
(enum_def . (id) @name) @definition.enum
(struct_def . (id) @name) @definition.struct

(component_body) @body
(component_body_elem) @spread
(enum_body) @body

(comment) @lead
