use pmcp_driver::protocol::serve;
use pmcp_driver::sqlite::SqliteStorage;

fn main() -> std::io::Result<()> {
    serve(SqliteStorage::from_env())
}
