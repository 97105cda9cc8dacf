import LabCore
import LabHTTPClient
import LabMQTT
import LabService
import LabState
import LabTesting
import Synchronization
import Testing

@Suite("The API of a service")
struct APITests {
    @Test("everything but health answers 401 without a token")
    func authentication() async throws {
        try await HostFixture.with { host in
            #expect(try await host.send(.get, "/healthz", token: nil).status == 200)
            #expect(try await host.send(.get, "/readyz", token: nil).status == 200)
            for path in ["/v1/lamps", "/v1/lamps/hall", "/openapi.json", "/metrics", "/v1/events", "/nowhere"] {
                let answer = try await host.send(.get, path, token: nil)
                #expect(answer.status == 401, "\(path)")
                #expect(answer.contentType == "application/problem+json")
                #expect(try await host.send(.get, path, token: "lab_wrong").status == 401)
            }
        }
    }

    @Test("a declared thing becomes true, is read back with its conditions, and goes when it is removed")
    func lifeCycle() async throws {
        try await HostFixture.with { host in
            let put = try await host.send(.put, "/v1/lamps/hall", body: #"{"isOn":true,"colour":"warm"}"#)
            #expect(put.status == 200)
            #expect(put.document["spec"] == ["isOn": true, "colour": "warm"])
            #expect(
                try await eventually {
                    let lamp = try await host.send(.get, "/v1/lamps/hall").document
                    return lamp["conditions"]?.arrayValue?.first?["status"] == "true"
                })
            #expect(try await host.send(.delete, "/v1/lamps/hall").status == 202)
            #expect(try await eventually { try await host.send(.get, "/v1/lamps/hall").status == 404 })
        }
    }

    @Test(
        "bad input is answered with the field and the remedy, and changes nothing",
        arguments: [
            ("/v1/lamps/hall", #"{"isOn":"yes"}"#, 400, "/body/isOn"),
            ("/v1/lamps/hall", #"{"isOn":true,"extra":1}"#, 400, "/body/extra"),
            ("/v1/lamps/hall", #"{"isOn":true,"host":"no spaces.home.arpa"}"#, 400, "/body/host"),
            ("/v1/lamps/hall", #"{"isOn":true"#, 400, "/body"),
            ("/v1/lamps/hall", "", 400, "/body"),
            ("/v1/lamps/hall?generation=x", #"{"isOn":true}"#, 400, "/generation"),
            ("/v1/lamps/hall?unknown=1", #"{"isOn":true}"#, 400, "/unknown"),
            ("/v1/lamps/UPPER", #"{"isOn":true}"#, 400, "/name"),
            ("/v1/lamps/forbidden", #"{"isOn":true}"#, 400, "/name"),
            ("/v1/lamps/%00", #"{"isOn":true}"#, 400, "/name"),
        ])
    func badInput(path: String, body: String, status: Int, pointer: String) async throws {
        try await HostFixture.with { host in
            let answer = try await host.send(.put, path, body: body)
            #expect(answer.status == status)
            #expect(answer.contentType == "application/problem+json")
            let field = answer.document["errors"]?.arrayValue?.first
            #expect(field?["pointer"]?.stringValue == pointer)
            #expect(field?["remedy"]?.stringValue?.isEmpty == false)
            #expect(try await host.send(.get, "/v1/lamps").document["items"] == [])
        }
    }

    @Test("the wrong type of body, a body over the limit, and a method that a path does not know are refused")
    func refusals() async throws {
        try await HostFixture.with { host in
            let form = try await host.send(.put, "/v1/lamps/a", body: "isOn=true", contentType: "text/plain")
            #expect(form.status == 415)
            let large = "{\"isOn\":true,\"x\":\"" + String(repeating: "x", count: 1 << 20) + "\"}"
            #expect(try await host.send(.put, "/v1/lamps/a", body: large).status == 413)
            #expect(try await host.send(.post, "/v1/lamps/a", body: "{}").status == 405)
            #expect(try await host.send(.get, "/v1/nothing").status == 404)
        }
    }

    @Test("a document is for the token that it names and for admins, whatever the scope of others")
    func documents() async throws {
        try await HostFixture.with { host in
            func token(_ name: String, _ scope: String) async throws -> String {
                let answer = try await host.send(
                    .post, "/v1/tokens", body: #"{"name":"\#(name)","scope":"\#(scope)"}"#)
                return try #require(answer.document["token"]?.stringValue)
            }
            let path = "/v1/lamp-keys"
            #expect(try await host.send(.get, path).document == ["key": "brass"])
            #expect(try await host.send(.get, path, token: token("lamplighter", "read")).document == ["key": "brass"])
            for scope in ["read", "act"] {
                let refusal = try await host.send(.get, path, token: token("other-\(scope)", scope))
                #expect(refusal.status == 403)
                #expect(refusal.document["remedy"]?.stringValue?.contains("lamplighter") == true)
            }
            #expect(try await host.send(.get, path, token: nil).status == 401)
        }
    }

    @Test("a token allows what its scope says, ends when it is revoked, and everything is audited")
    func tokens() async throws {
        try await HostFixture.with { host in
            let made = try await host.send(.post, "/v1/tokens", body: #"{"name":"phone","scope":"read"}"#)
            #expect(made.status == 201)
            let token = try #require(made.document["token"]?.stringValue)
            #expect(try await host.send(.get, "/v1/lamps", token: token).status == 200)
            #expect(try await host.send(.put, "/v1/lamps/a", token: token, body: #"{"isOn":true}"#).status == 403)
            #expect(try await host.send(.get, "/v1/tokens", token: token).status == 403)
            #expect(try await host.send(.post, "/v1/tokens", body: #"{"name":"phone","scope":"read"}"#).status == 409)
            #expect(try await host.send(.delete, "/v1/tokens/phone").status == 200)
            #expect(try await host.send(.get, "/v1/lamps", token: token).status == 401)
            let audit = try await host.send(.get, "/v1/audit").document["items"]?.arrayValue ?? []
            #expect(
                audit.contains {
                    $0["token"] == "phone" && $0["operation"] == "lamp.put" && $0["status"] == 403
                })
            #expect(audit.contains { $0["operation"] == "token.revoke" && $0["status"] == 200 })
        }
    }

    @Test("a watcher sees the document now, at each change, and its end")
    func watch() async throws {
        try await HostFixture.with { host in
            _ = try await host.send(.put, "/v1/lamps/hall", body: #"{"isOn":true}"#)
            var request = HTTPRequest(method: .get, url: host.base + "/v1/watch/lamps/hall")
            request.authorization = HTTPRequest.bearer(Secret(HostFixture.adminToken))
            request.timeouts = .unlimited
            let text = Mutex("")
            try await host.http.withStreamingResponse(request) { response in
                #expect(response.status == 200)
                var wasRemoved = false
                for try await chunk in response.body {
                    text.withLock { $0 += String(decoding: chunk, as: UTF8.self) }
                    let seen = text.withLock { $0 }
                    if seen.contains(#""status":"true""#), !wasRemoved {
                        wasRemoved = true
                        _ = try await host.send(.delete, "/v1/lamps/hall")
                    }
                    if seen.contains("event: gone") { break }
                }
            }
            let seen = text.withLock { $0 }
            #expect(seen.contains("event: resource"))
            #expect(seen.contains("event: gone"))
        }
    }

    @Test("recorded events reach MQTT once each, also those of a time without a broker")
    func relay() async throws {
        try await HostFixture.with { host in
            let seen = Mutex<[String]>([])
            let filter = try MQTTTopicFilter("lab/v1/events/lamp/#")
            let other = try MQTTTopicFilter("lab/v1/events/+")
            try await host.mqtt.withSubscription(to: [filter, other], qualityOfService: .atLeastOnce) { messages in
                _ = try await host.send(.put, "/v1/lamps/one", body: #"{"isOn":true}"#)
                try await host.broker.goAway()
                _ = try await host.send(.put, "/v1/lamps/two", body: #"{"isOn":true}"#)
                try await host.broker.comeBack()
                _ = try await host.send(.put, "/v1/lamps/three", body: #"{"isOn":true}"#)
                let wanted: Set = ["one", "two", "three"]
                for try await message in messages where message.topic.text == "lab/v1/events/lamp.lit" {
                    let event = try JSONText(trusted: String(decoding: message.payload, as: UTF8.self))
                        .decode(JSONValue.self)
                    seen.withLock { $0.append(event["name"]?.stringValue ?? "") }
                    if wanted.isSubset(of: seen.withLock { Set($0) }) { break }
                }
            }
            #expect(seen.withLock { Set($0) } == ["one", "two", "three"])
        }
    }

    @Test("a service says that it is there, and its last will that it is not")
    func availability() async throws {
        try await HostFixture.with { host in
            let filter = try MQTTTopicFilter("lab/v1/services/lamp-keeper/availability")
            try await host.mqtt.withSubscription(to: [filter], qualityOfService: .atLeastOnce) { messages in
                for try await message in messages {
                    #expect(message.payload == Array("online".utf8))
                    return
                }
            }
        }
    }

    @Test("reads go on and writes say why while the broker is away; a database that is away gives 503, then heals")
    func partsAway() async throws {
        try await HostFixture.with { host in
            try await host.postgres.goAway()
            let answer = try await host.send(.get, "/v1/lamps")
            #expect(answer.status == 503)
            #expect(answer.document["remedy"]?.stringValue?.isEmpty == false)
            #expect(try await host.send(.get, "/healthz", token: nil).status == 200)
            #expect(try await host.send(.get, "/readyz", token: nil).status == 503)
            try await host.postgres.comeBack()
            #expect(try await eventually { try await host.send(.get, "/v1/lamps").status == 200 })
        }
    }

    @Test("the metrics count requests by path, in Prometheus' text form")
    func metrics() async throws {
        try await HostFixture.with { host in
            _ = try await host.send(.get, "/v1/lamps/none")
            let text = try await host.send(.get, "/metrics").document.stringValue ?? ""
            #expect(
                text.contains(
                    #"http_server_request_duration_seconds_count{method="GET",path="/v1/lamps/{name}",status="404"} "#))
            #expect(text.contains("lab_postgres_connections_open{service=\"lamp-keeper\"}"))
        }
    }
}
