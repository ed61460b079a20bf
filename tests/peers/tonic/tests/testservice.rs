//! The handwritten messages of `examples/testservice` against the code generated from the definition.

#[allow(dead_code)]
mod pb {
    tonic::include_proto!("grpc.testing");
}
#[path = "../../../../examples/testservice/mod.rs"]
mod testservice;

use prost::Message;

/// A message with every field set to something that is not its default.
///
/// Spelt once and built in both modules; it does not compile if a field is missing on either side.
macro_rules! full_messages {
    ($module:ident) => {{
        use $module::*;
        let payload = || Some(Payload { r#type: 1, body: vec![1, 2, 3] });
        let yes = Some(BoolValue { value: true });
        let status = || Some(EchoStatus { code: 2, message: "why".into() });
        let report = || {
            Some(TestOrcaReport {
                cpu_utilization: 0.5,
                memory_utilization: 0.25,
                request_cost: [("cost".to_owned(), 1.5)].into(),
                utilization: [("use".to_owned(), 2.5)].into(),
            })
        };
        let parameters = ResponseParameters { size: 1, interval_us: 2, compressed: yes, fill_peer_socket_address: yes };
        vec![
            Empty {}.encode_to_vec(),
            SimpleRequest {
                response_type: 1,
                response_size: 2,
                payload: payload(),
                fill_username: true,
                fill_oauth_scope: true,
                response_compressed: yes,
                response_status: status(),
                expect_compressed: yes,
                fill_server_id: true,
                fill_grpclb_route_type: true,
                orca_per_query_report: report(),
            }
            .encode_to_vec(),
            SimpleResponse {
                payload: payload(),
                username: "user".into(),
                oauth_scope: "scope".into(),
                server_id: "id".into(),
                grpclb_route_type: GrpclbRouteType::Backend as i32,
                hostname: "host".into(),
            }
            .encode_to_vec(),
            StreamingInputCallRequest { payload: payload(), expect_compressed: yes }.encode_to_vec(),
            StreamingInputCallResponse { aggregated_payload_size: 74922 }.encode_to_vec(),
            StreamingOutputCallRequest {
                response_type: 1,
                response_parameters: vec![parameters, parameters],
                payload: payload(),
                response_status: status(),
                orca_oob_report: report(),
            }
            .encode_to_vec(),
            StreamingOutputCallResponse { payload: payload(), peer_socket_address: "address".into() }.encode_to_vec(),
        ]
    }};
}

#[test]
fn messages_are_those_of_the_definition() {
    assert_eq!(full_messages!(testservice), full_messages!(pb));
    assert_eq!(testservice::PayloadType::Compressable as i32, pb::PayloadType::Compressable as i32);
    assert_eq!(testservice::GrpclbRouteType::Unknown as i32, pb::GrpclbRouteType::Unknown as i32);
    assert_eq!(testservice::GrpclbRouteType::Fallback as i32, pb::GrpclbRouteType::Fallback as i32);
}
