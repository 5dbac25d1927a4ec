// Numbers by order: the default ones are hashes of absolute paths, so that every folder would give another build.
module.exports = { optimization: { moduleIds: 'natural' } };
