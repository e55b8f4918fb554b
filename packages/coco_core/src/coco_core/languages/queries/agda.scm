(module (module_name) @name) @definition.module
(data (data_name) @name) @definition.type
(data_signature (data_name) @name) @definition.type
(record (record_name) @name) @definition.type
(record_signature (record_name) @name) @definition.type
(function (lhs (function_name) @name)) @definition.clause
(signature (field_name) @name) @definition.field

(module) @spread
(record) @body
(data) @body

(comment) @lead
(pragma) @lead

(import (module_name) @import)
