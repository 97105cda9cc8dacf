import Testing

@testable import Provisioner

@Suite("What is let through to the Docker engine")
struct EngineFilterTests {
    @Test(
        "what the provisioner and Compose need, and nothing else",
        arguments: [
            ("GET /_ping", true), ("HEAD /_ping", true), ("GET /v1.44/version", true), ("GET /containers/json", true),
            ("GET /v1.41/containers/lab-notes-web-1/json", true), ("POST /v1.44/containers/create", true),
            ("POST /containers/abc/exec", true), ("POST /exec/abc/start", true), ("DELETE /containers/abc", true),
            ("PUT /containers/abc/archive", true), ("GET /containers/abc/archive", false),
            ("GET /containers/abc/export", false), ("POST /containers/prune", false),
            ("GET /images/registry:5000/a/b@sha256:12/json", true), ("POST /images/create", true),
            ("POST /images/sha256:12/tag", true), ("POST /images/load", false), ("GET /images/a/get", false),
            ("DELETE /images/lab.local/a/b:12", true), ("POST /commit", false), ("GET /swarm", false),
            ("POST /plugins/pull", false), ("POST /volumes/prune", false), ("POST /volumes/create", true),
            ("POST /networks/x/connect", true), ("POST /session", true), ("POST /grpc", true), ("GET /grpc", false),
            ("POST /build", true), ("POST /build/prune", false), ("GET /secrets", false), ("GET /system/df", false),
            ("GET /containers/../swarm", false), ("GET /containers/%2e%2e/swarm", false), ("GET //swarm", false),
            ("GET /v1.41/v1.41/info", false), ("GET /images/../../swarm/json", false),
        ])
    func rules(_ line: String, _ isAllowed: Bool) throws {
        let request = try #require(EngineRequest("\(line)?all=1 HTTP/1.1\r\nHost: x"))
        #expect(request.isAllowed == isAllowed)
    }

    @Test(
        "what is no request, or could be read in two ways",
        arguments: [
            "", "GET", "GET /info", "GET /info HTTP/1.0", "GET info HTTP/1.1", "GET /info HTTP/1.1\nHost: x",
            "GET /info HTTP/1.1\r\nHost: x\r\n folded", "GET /info HTTP/1.1\r\nHost : x", "GET  /info HTTP/1.1",
            "GET /info HTTP/1.1\r\n: x", "GET /info HTTP/1.1\r\nA: b\rC: d\r\nE: f", "GET /info HTTP/1.1\r\nnothing",
        ])
    func malformed(_ head: String) {
        #expect(EngineRequest(head) == nil)
    }

    @Test("a connection carries one request, or another protocol where the engine always takes that up")
    func forwarded() {
        // As Docker's client begins BuildKit's session, without a host.
        let session = EngineRequest("POST /grpc HTTP/1.1\r\nHost: \r\nConnection: Upgrade\r\nUpgrade: h2c\r\nX-A: b")
        #expect(
            session?.forwarded
                == "POST /grpc HTTP/1.1\r\nHost: docker\r\nX-A: b\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n")
        let list = EngineRequest(
            "GET /v1.41/containers/json?all=1 HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nHost: x")
        #expect(
            list?.forwarded == "GET /v1.41/containers/json?all=1 HTTP/1.1\r\nHost: docker\r\nConnection: close\r\n\r\n"
        )
    }
}
