(node name: (_) @name) @definition.config
(property name: (identifier) @name) @definition.property
(preproc_def name: (identifier) @name) @definition.constant
(preproc_function_def name: (identifier) @name) @definition.macro

(node) @body
(preproc_ifdef) @spread
(preproc_if) @spread

(comment) @lead

(preproc_include path: (_) @import)
(dtsi_include path: (_) @import)
