"""The whole way from videos to a served model: config, the DAG, launching, caching, lineage, engines, commands."""
