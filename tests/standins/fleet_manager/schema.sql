-- The service's tables, with the columns that its workers use.
-- Every column but id is nullable; deleting a row only sets deleted_at.
CREATE TABLE leader_leases (
    id text PRIMARY KEY,
    created_at timestamptz,
    updated_at timestamptz,
    deleted_at timestamptz,
    leader text,
    lease_type text,
    expires timestamptz
);

CREATE TABLE clusters (
    id text PRIMARY KEY,
    created_at timestamptz,
    updated_at timestamptz,
    deleted_at timestamptz,
    cloud_provider text,
    cluster_id text,
    external_id text,
    region text,
    status text,
    cluster_dns text,
    provider_type text,
    client_id text,
    client_secret text,
    cluster_type text DEFAULT 'managed',
    multi_az boolean
);
-- It counts deleted rows and the empty string too: one cluster at a time waits for its creation.
CREATE UNIQUE INDEX uix_clusters_cluster_id ON clusters (cluster_id);
CREATE INDEX idx_clusters_status ON clusters (status);

CREATE TABLE kafka_requests (
    id text PRIMARY KEY,
    created_at timestamptz,
    updated_at timestamptz,
    deleted_at timestamptz,
    region text,
    cluster_id text,
    cloud_provider text,
    name text,
    status text,
    owner text,
    bootstrap_server_host text,
    failed_reason text,
    canary_service_account_client_id text,
    canary_service_account_client_secret text
);
CREATE INDEX idx_kafka_requests_status ON kafka_requests (status);
