(config_file (body (block . (identifier) @name . (block_start)) @definition.config))
(config_file (body (block . (identifier) @scope . (string_lit (template_literal) @name) . (block_start)) @definition.config))
(config_file (body (block . (identifier)
  . (string_lit (template_literal) @scope) . (string_lit (template_literal) @name) . (block_start)) @definition.config))
(config_file (body (attribute . (identifier) @name) @definition.config))

(config_file (body) @spread)
(body) @body
(object) @body

(comment) @lead
