//! Tests of the model clients: the wire formats against fixtures written from the providers'
//! documentation, and the I/O against a server that says what it is told to.

#[cfg(test)]
mod anthropic_http;
#[cfg(test)]
mod anthropic_wire;
#[cfg(test)]
mod batch_http;
#[cfg(test)]
mod batch_wire;
#[cfg(test)]
mod chat_http;
#[cfg(test)]
mod chat_wire;
#[cfg(test)]
mod schema;
#[cfg(test)]
mod server;
#[cfg(test)]
mod stream;
#[cfg(test)]
mod xai_http;
#[cfg(test)]
mod xai_stream;
#[cfg(test)]
mod xai_wire;
