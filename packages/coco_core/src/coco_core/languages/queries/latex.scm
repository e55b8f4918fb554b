(part text: (_) @name) @definition.section
(chapter text: (_) @name) @definition.section
(section text: (_) @name) @definition.section
(subsection text: (_) @name) @definition.section
(subsubsection text: (_) @name) @definition.section
(paragraph text: (_) @name) @definition.section
(new_command_definition declaration: (_) @name) @definition.macro
(old_command_definition declaration: (_) @name) @definition.macro
(environment_definition name: (_) @name) @definition.macro

(part) @body
(chapter) @body
(section) @body
(subsection) @body
(subsubsection) @body
(paragraph) @body
(generic_environment) @body
(enum_item) @body

(line_comment) @lead

(package_include paths: (_) @import)
(latex_include path: (_) @import)
