//! Every method of every service, by everybody: who may call it, as the descriptors have the methods.

use http::uri::PathAndQuery;
use office::Place;
use office::authority::Role;
use prost::Message as _;
use prost_types::FileDescriptorSet;
use tonic::client::Grpc;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};
use tonic_prost::ProstCodec;

use super::{holder, issued, read};
use crate::harness::{Pair, refused, within};

/// What each role may do, as the house says it; nothing here is taken from the table.
fn may(method: &str, role: Role, is_own: bool) -> bool {
    let (service, name) = method.rsplit_once('/').expect("a path");
    if service == "/grpc.health.v1.Health" {
        return is_own || matches!(role, Role::Server | Role::Controller);
    }
    if service == "/liaison.line.v1.LineService" {
        return role == Role::Server && !is_own;
    }
    let reads = ["Get", "List", "Watch", "Download"];
    let is_read = reads.iter().any(|verb| name.starts_with(verb));
    match role {
        Role::Server => false,
        Role::Officer => is_own,
        Role::Clerk => {
            let made = [
                "SendDocument",
                "SendDocuments",
                "UploadDocument",
                "RecordCall",
            ];
            is_own && (is_read || made.contains(&name))
        }
        Role::Observer => is_own && is_read,
        Role::Controller => is_read || name == "DeclareLine",
    }
}

fn methods() -> Vec<String> {
    let sets = [protocol::DESCRIPTORS, tonic_health::pb::FILE_DESCRIPTOR_SET];
    let mut methods = Vec::new();
    for set in sets {
        let set = FileDescriptorSet::decode(set).expect("descriptors");
        for file in set.file {
            for service in &file.service {
                for method in &service.method {
                    let (package, service) = (file.package(), service.name());
                    methods.push(format!("/{package}.{service}/{}", method.name()));
                }
            }
        }
    }
    methods
}

/// Calls a method with nothing, and gives the first that is said.
async fn called(channel: Channel, path: &str) -> Result<(), Status> {
    let mut grpc = Grpc::new(channel);
    grpc.ready()
        .await
        .map_err(|error| Status::from_error(error.into()))?;
    let codec: ProstCodec<(), ()> = ProstCodec::default();
    let path: PathAndQuery = path.parse().expect("a path");
    let request = Request::new(tokio_stream::iter([(), ()]));
    let answer = grpc.streaming(request, path, codec).await?;
    answer.into_inner().message().await.map(drop)
}

#[tokio::test]
async fn every_method_is_called_by_everybody() {
    let mut pair = Pair::idle(&[]).await;
    for place in Place::BOTH {
        pair.start_office(place).await;
    }
    let methods = methods();
    assert!(methods.len() > 30, "{methods:?}");
    let roles = [
        Role::Server,
        Role::Officer,
        Role::Clerk,
        Role::Observer,
        Role::Controller,
    ];
    for who in Place::BOTH {
        for role in roles {
            let held = holder(who, role);
            let tls = match role {
                // That of the office that runs.
                Role::Server => read(&identity::Directory::at(pair.identities()).file(&held)),
                _ => issued(&pair, &held),
            };
            for at in Place::BOTH {
                let address = pair.process(at).address;
                let channel = tests::secured::channel(address, tls.clone());
                for method in &methods {
                    let answer = within(method, called(channel.clone(), method)).await;
                    let denied = answer.err().is_some_and(|status| {
                        status.code() == Code::PermissionDenied
                            && refused(&status).why().1 == "NOT_PERMITTED"
                    });
                    assert_eq!(
                        !denied,
                        may(method, role, who == at),
                        "{method} at {at} by {who}'s {role}"
                    );
                }
            }
        }
    }
}
