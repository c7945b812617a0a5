//! The server, seen from clients.

mod bodies;
mod chat;
mod model;
mod requests;
mod streams;

use llmobs_testserver::Server;
use reqwest::Response;

/// A server for one test.
async fn server() -> Server {
    Server::start().await.expect("a local port is free")
}

/// Gets any path, with a client of its own.
async fn get(server: &Server) -> Response {
    try_get(server).await.expect("the server answers")
}

async fn try_get(server: &Server) -> Result<Response, reqwest::Error> {
    reqwest::Client::new().get(server.base_url()).send().await
}

/// Every piece of the body as the client read it, and whether it ended without an error.
async fn pieces(mut response: Response) -> (Vec<String>, bool) {
    let mut pieces = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(piece)) => pieces.push(String::from_utf8_lossy(&piece).into_owned()),
            Ok(None) => return (pieces, true),
            Err(_) => return (pieces, false),
        }
    }
}
