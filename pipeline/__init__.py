"""The whole way from videos to a served model: config, pipeline, launching, caching, lineage, engines, commands."""
