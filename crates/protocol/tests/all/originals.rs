//! Requests are kept with the bytes they came in, and the payload cut out of them is what prost reads there.

use std::fmt::Debug;

use bytes::Bytes;
use proptest::prelude::*;
use prost::Message;
use protocol::pb::line;
use protocol::pb::office as pb;
use protocol::{Original, field_of};

use crate::foreign::{
    calls, closings, contacts, count_of, declarations, documents, joined, nearly, put_bytes,
    refusals, remarks, terms, text, unknown_field,
};

const CASES: u32 = 512;

/// Whatever the bytes are: no panic, and what is taken is kept as it came.
fn is_kept<T>(bytes: &[u8]) -> Result<Option<Original<T>>, TestCaseError>
where
    T: Message + Default + PartialEq + Debug,
{
    let original = Original::<T>::decode(bytes);
    let message = T::decode(bytes);
    // The slicing is never asked for what cannot be decoded; it must end all the same.
    let raw = Bytes::copy_from_slice(bytes);
    for tag in 0..16 {
        let _ = field_of(&raw, tag);
    }
    prop_assert_eq!(original.is_ok(), message.is_ok());
    let (Ok(original), Ok(message)) = (original, message) else {
        return Ok(None);
    };
    prop_assert_eq!(original.bytes(), bytes);
    prop_assert_eq!(original.message(), &message);
    prop_assert_eq!(original.encode_to_vec(), bytes);
    prop_assert_eq!(original.encoded_len(), bytes.len());
    Ok(Some(original))
}

/// The slice of a field holds the message that prost reads in the field.
fn agrees<M>(content: Option<&M>, slice: &Bytes) -> Result<(), TestCaseError>
where
    M: Message + Default + PartialEq + Debug,
{
    match content {
        Some(content) => {
            let sliced = M::decode(slice.clone()).ok();
            prop_assert_eq!(sliced.as_ref(), Some(content));
        }
        None => prop_assert!(slice.is_empty()),
    }
    Ok(())
}

/// One request type: its name, the field that a ledger keeps, its number, and what stands in it.
macro_rules! originals {
    ($($name:ident: $type:ident, $field:ident = $tag:literal, $contents:expr;)*) => {$(
        mod $name {
            use super::*;

            fn requests() -> impl Strategy<Value = pb::$type> {
                (text(), prop::option::weighted(0.9, $contents)).prop_map(|(request_id, $field)| {
                    let mut request = pb::$type::default();
                    request.request_id = request_id;
                    request.$field = $field;
                    request
                })
            }

            proptest! {
                #![proptest_config(ProptestConfig::with_cases(CASES))]

                #[test]
                fn is_kept_and_sliced(bytes in nearly(requests())) {
                    if let Some(original) = is_kept::<pb::$type>(&bytes)? {
                        agrees(original.message().$field.as_ref(), &original.field($tag))?;
                    }
                }

                #[test]
                fn is_sliced_to_the_byte(
                    request in requests(),
                    unknown in prop::collection::vec(unknown_field(), 0..3),
                ) {
                    let content = request.$field.as_ref().map(Message::encode_to_vec);
                    let original = Original::from(request.clone());
                    prop_assert_eq!(original.field($tag), content.clone().unwrap_or_default());

                    // Unknown fields, around the content and in it.
                    let unknown = unknown.concat();
                    let mut bytes = unknown.clone();
                    let inner = content.map(|content| [content, unknown.clone()].concat());
                    if let Some(inner) = &inner {
                        put_bytes($tag, inner, &mut bytes);
                    }
                    bytes.extend_from_slice(&unknown);
                    let original = Original::<pb::$type>::decode(&bytes[..]);
                    let original = original.expect("unknown fields are allowed");
                    prop_assert_eq!(&original.message().$field, &request.$field);
                    prop_assert_eq!(original.field($tag), inner.unwrap_or_default());
                }
            }
        }
    )*};
}

originals! {
    send_document: SendDocumentRequest, document = 2, documents();
    send_documents: SendDocumentsRequest, document = 2, documents();
    acknowledge_document: AcknowledgeDocumentRequest, acknowledgement = 3, remarks();
    refuse_document: RefuseDocumentRequest, refusal = 3, refusals();
    propose_meeting: ProposeMeetingRequest, terms = 2, terms();
    counter_meeting: CounterMeetingRequest, terms = 4, terms();
    accept_meeting: AcceptMeetingRequest, remark = 4, remarks();
    decline_meeting: DeclineMeetingRequest, remark = 4, remarks();
    cancel_meeting: CancelMeetingRequest, remark = 4, remarks();
    convene_meeting: ConveneMeetingRequest, remark = 4, remarks();
    close_meeting: CloseMeetingRequest, closing = 4, closings();
    record_contact: RecordContactRequest, contact = 2, contacts();
    confirm_contact: ConfirmContactRequest, confirmation = 3, remarks();
    record_call: RecordCallRequest, call = 2, calls();
    declare_line: DeclareLineRequest, declaration = 2, declarations();
    // An upload's header is a request in itself.
    upload_header: UploadHeader, document = 2, documents();
}

fn uploads() -> impl Strategy<Value = pb::UploadDocumentRequest> {
    use pb::upload_document_request::Part;
    let header = (text(), prop::option::of(documents())).prop_map(|(request_id, document)| {
        Part::Header(pb::UploadHeader {
            request_id,
            document,
            wait: 0,
        })
    });
    let chunk =
        prop::collection::vec(any::<u8>(), 0..8).prop_map(|chunk| Part::Chunk(chunk.into()));
    prop_oneof![2 => header, 1 => chunk]
        .prop_map(|part| pb::UploadDocumentRequest { part: Some(part) })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(CASES))]

    /// The parts are alternatives: where both came, prost holds the later one, and the slice joins all headers.
    #[test]
    fn an_upload_is_kept_and_its_header_sliced(bytes in nearly(uploads())) {
        use pb::upload_document_request::Part;
        if let Some(original) = is_kept::<pb::UploadDocumentRequest>(&bytes)? {
            let sliced = pb::UploadHeader::decode(original.field(1));
            prop_assert!(sliced.is_ok());
            if let (Some(Part::Header(header)), 0) = (&original.message().part, count_of(&bytes, 2)) {
                prop_assert_eq!(sliced.as_ref().ok(), Some(header));
            }
        }
    }

    #[test]
    fn what_the_line_carries_is_decoded_or_refused(bytes in nearly(line_messages())) {
        is_kept::<line::CarryRequest>(&bytes)?;
        is_kept::<line::CarryResponse>(&bytes)?;
        is_kept::<line::Envelope>(&bytes)?;
        for tag in [1, 2] {
            let inner = field_of(&Bytes::from(bytes.clone()), tag);
            if let Some(hello) = is_kept::<line::Hello>(&inner)? {
                let _ = protocol::hello_from_pb(hello.message());
            }
            if let Some(acknowledgement) = is_kept::<line::Acknowledgement>(&inner)? {
                let _ = protocol::acknowledgement_from_pb(acknowledgement.message());
            }
            is_kept::<line::Parcel>(&inner)?;
        }
    }

    /// A field in pieces is one field, as protobuf joins it.
    #[test]
    fn pieces_are_joined(pieces in prop::collection::vec(joined(documents()), 1..4)) {
        let mut bytes = Vec::new();
        for piece in &pieces {
            put_bytes(2, piece, &mut bytes);
        }
        let original = Original::<pb::SendDocumentRequest>::decode(&bytes[..]);
        let original = original.expect("the pieces are documents");
        prop_assert_eq!(original.field(2), pieces.concat());
        agrees(original.message().document.as_ref(), &original.field(2))?;
    }
}

fn line_messages() -> impl Strategy<Value = line::CarryRequest> {
    use line::carry_request::Message as Carried;
    let hash =
        || prop_oneof![4 => Just(vec![7; 32]), 1 => prop::collection::vec(any::<u8>(), 0..40)];
    let mark = move || {
        prop::option::weighted(0.9, (any::<u64>(), hash())).prop_map(|mark| {
            mark.map(|(sequence, hash)| line::Mark {
                sequence,
                hash: hash.into(),
            })
        })
    };
    let hello = (
        0..4_i32,
        any::<u64>(),
        any::<(u32, u32, bool)>(),
        mark(),
        mark(),
    )
        .prop_map(
            |(place, epoch, (version_min, version_max, restoring), appended, received)| {
                Carried::Hello(line::Hello {
                    place,
                    epoch,
                    version_min,
                    version_max,
                    appended,
                    received,
                    restoring,
                })
            },
        );
    let part = || prop::collection::vec(any::<u8>(), 0..12);
    let parcel =
        (any::<u64>(), part(), part(), hash()).prop_map(|(sequence, envelope, payload, hash)| {
            Carried::Parcel(line::Parcel {
                sequence,
                envelope: envelope.into(),
                payload: payload.into(),
                hash: hash.into(),
            })
        });
    prop_oneof![hello, parcel].prop_map(|message| line::CarryRequest {
        message: Some(message),
    })
}
