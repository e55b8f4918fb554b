(mixin_statement (name) @name) @definition.macro
(function_statement (name) @name) @definition.function
(rule_set (selectors) @name) @definition.rule
(media_statement . (_) @name) @definition.rule
(stylesheet (declaration (variable_name) @name) @definition.constant)

(block) @body

(comment) @lead
(single_line_comment) @lead

(use_statement (string_value) @import)
(import_statement (string_value) @import)
(forward_statement (string_value) @import)
