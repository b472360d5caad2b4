// What failures say travels as a payload, so that it is encrypted like the others. Only processes that encrypt load this. CommonJS,
// since Temporal's SDK requires it by its path, also where the sources run as they are.
const { DefaultFailureConverter } = require('@temporalio/common');

exports.failureConverter = new DefaultFailureConverter({ encodeCommonAttributes: true });
