(rule_set (selectors) @name) @definition.rule
(keyframes_statement (keyframes_name) @name) @definition.rule

(media_statement (block) @body)
(supports_statement (block) @body)
(at_rule (block) @body)
(keyframe_block_list) @body
(block) @body

(comment) @lead

(import_statement (string_value (string_content) @import))
