(package_statement (package_name) @name) @definition.module
(function_definition name: (identifier) @name) @definition.function

(block) @body

(comments) @lead

(use_no_statement package_name: (package_name) @import)
(require_statement package_name: (package_name) @import)
