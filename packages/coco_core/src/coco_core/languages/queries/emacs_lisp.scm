(function_definition name: (symbol) @name) @definition.function
(macro_definition name: (symbol) @name) @definition.macro
(source_file (special_form . (_)? . (symbol) @name) @definition.constant)
(list . (symbol) @_form . (symbol) @name
  (#any-of? @_form "defcustom" "defgroup" "defface" "defvar-local" "defvaralias")) @definition.constant
(list . (symbol) @_form . (symbol) @name
  (#any-of? @_form "cl-defun" "cl-defmethod" "cl-defgeneric" "cl-defmacro" "ert-deftest"
    "define-minor-mode" "define-derived-mode" "defalias")) @definition.function
(list . (symbol) @_form . (symbol) @name (#any-of? @_form "cl-defstruct" "defclass")) @definition.class

(function_definition) @body
(macro_definition) @body
(list) @body
(special_form) @body

(comment) @lead

(list . (symbol) @_form . (quote (symbol) @import) (#eq? @_form "require"))
