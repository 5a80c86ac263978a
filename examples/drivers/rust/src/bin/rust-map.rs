use pmcp_driver::map::MapStorage;
use pmcp_driver::protocol::serve;

fn main() -> std::io::Result<()> {
    serve(MapStorage::default())
}
