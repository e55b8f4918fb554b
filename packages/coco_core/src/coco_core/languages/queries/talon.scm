(command_declaration left: (rule) @name) @definition.rule
(settings_declaration) @body

(declarations) @spread
(block) @body

(comment) @lead
