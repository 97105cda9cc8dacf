import Foundation
import LabCore
import LabState
import LabTesting
import Testing

@testable import Provisioner

/// What the engine answers, in the forms of its documentation (Docker Engine API v1.41) and of a real engine 26.1.
@Suite("What the Docker engine answers")
struct DockerAnswerTests {
    private static func container(_ state: String, _ status: String, service: String = "web") throws
        -> DockerEngine.Container
    {
        try JSONText(
            trusted: #"""
                {"Id": "1", "State": "\#(state)", "Status": "\#(status)", "ImageID": "sha256:1",
                "Labels": {"com.docker.compose.service": "\#(service)"}}
                """#
        ).decode(DockerEngine.Container.self)
    }

    @Test(
        "containers stand as their states, their health and what is expected of them say",
        arguments: [
            ("running", "Up 5 seconds", false, "up"), ("running", "Up 5 seconds (healthy)", false, "up"),
            ("running", "Up 5 seconds (health: starting)", false, "waits"),
            ("running", "Up 5 seconds (unhealthy)", false, "web is unhealthy"),
            ("exited", "Exited (137) 2 minutes ago", true, "web ended with the code 137"),
            ("exited", "Exited (0) 2 minutes ago", true, "up"),
            ("exited", "Exited (0) 2 minutes ago", false, "web ended with the code 0"),
            ("created", "Created", false, "waits"), ("restarting", "Restarting (1) 5 seconds ago", false, "waits"),
            ("dead", "Dead", true, "web is dead"),
        ])
    func standing(_ state: String, _ status: String, mayEnd: Bool, _ wanted: String) throws {
        let standing = ContainerStanding(
            services: [ReleasedService(name: "web", mayEnd: mayEnd, hasOwnHash: true)],
            containers: [try Self.container(state, status)])
        #expect((standing.fault ?? (standing.waiting.isEmpty ? "up" : "waits")) == wanted)
    }

    @Test(
        "an engine is asked in 1.41, or in the oldest version that it takes",
        arguments: [("1.24", "1.41"), ("1.41", "1.41"), ("1.44", "1.44"), ("2.0", "2.0"), (nil, "1.41"), ("x", "1.41")])
    func version(_ oldest: String?, _ wanted: String) {
        #expect(EngineVersion.version(for: oldest) == wanted)
    }

    @Test("one that is started anew is given up after eight times, and counts as one that stays after five seconds")
    func restarts() throws {
        let now = ContinuousClock.now
        let container = try Self.container("restarting", "Restarting (3) 1 second ago")
        var counts = RestartCounts()
        counts.follow(container, at: now)
        counts.note(1, of: "1", at: now)
        #expect(counts.fault == nil && counts.unsteady(at: now + .seconds(4)) == ["web"])
        #expect(counts.unsteady(at: now + .seconds(6)).isEmpty)
        counts.note(7, of: "1", at: now + .seconds(10))
        #expect(counts.fault == nil && counts.unsteady(at: now + .seconds(12)) == ["web"])
        counts.note(8, of: "1", at: now + .seconds(20))
        #expect(counts.fault == "web ends again and again, with the code 3")
        counts.note(nil, of: "1")
        #expect(counts.fault == nil && counts.followed.isEmpty)

        // A container that was kept from the release before may have been started anew a hundred times.
        counts.follow(container, at: now)
        counts.note(100, of: "1", at: now)
        #expect(counts.fault == nil)
    }

    @Test("a container's ports and its volumes without a name are read")
    func details() throws {
        let name = String(repeating: "0a", count: 32)
        let container = try JSONText(
            trusted: #"""
                {"Id": "1", "State": "running", "Status": "Up", "ImageID": "sha256:1", "Labels": {}, "Names": ["/web"],
                "Ports": [{"IP": "127.0.0.1", "PrivatePort": 80, "PublicPort": 8080, "Type": "tcp"},
                {"PrivatePort": 53, "Type": "udp"}],
                "Mounts": [{"Type": "volume", "Name": "\#(name)"}, {"Type": "volume", "Name": "data"}, {"Type": "bind"}]}
                """#
        ).decode(DockerEngine.Container.self)
        #expect(container.name == "web" && container.anonymousVolumes == [name])
        #expect(container.ports?.map(\.published) == [8080, nil])
    }

    @Test(
        "ports are in each other's way by number, kind and address",
        arguments: [
            ("80/tcp", "80/tcp", true), ("80/tcp", "80/udp", false), ("80/tcp", "81/tcp", false),
            ("10.0.0.1:80/tcp", "80/tcp", true), ("10.0.0.1:80/tcp", "10.0.0.2:80/tcp", false),
            ("0.0.0.0:80/tcp", "10.0.0.2:80/tcp", true), ("10.0.0.2:80/tcp", "10.0.0.2:80/tcp", true),
        ])
    func overlaps(_ one: String, _ other: String, _ wanted: Bool) throws {
        let one = try #require(HostPort(one))
        let other = try #require(HostPort(other))
        #expect(one.overlaps(other) == wanted && other.overlaps(one) == wanted)
        #expect(HostPort("80") == nil && HostPort("x/tcp") == nil && HostPort("0/tcp") == nil)
        #expect(HostPort(one.text) == one)
    }

    @Test("a service without a container is waited for")
    func missing() {
        #expect(
            ContainerStanding(services: [ReleasedService(name: "web", mayEnd: false, hasOwnHash: true)], containers: [])
                .waiting == [
                    "web"
                ])
    }

    @Test("a pull is told as the sum of its layers, however its lines are cut, and its error is thrown")
    func pull() throws {
        let text = """
            {"status":"Pulling from library/nginx","id":"latest"}
            {"status":"Pulling fs layer","progressDetail":{},"id":"a"}
            {"status":"Already exists","progressDetail":{},"id":"b"}
            {"status":"Downloading","progressDetail":{"current":30,"total":100},"id":"a"}
            {"status":"Download complete","progressDetail":{},"id":"a"}
            {"status":"Pull complete","progressDetail":{},"id":"a"}

            """
        for size in [1, 7, 1000] {
            var lines = PullLines()
            var seen: [PullProgress] = []
            let bytes = Array(text.utf8)
            for start in stride(from: 0, to: bytes.count, by: size) {
                if let now = try lines.add(bytes[start..<min(start + size, bytes.count)]) { seen.append(now) }
            }
            #expect(seen.last == PullProgress(done: 100, total: 100, finishedLayers: 2, layers: 2))
        }
        var lines = PullLines()
        let error = #expect(throws: DockerFault.self) {
            try lines.add(
                Array(#"{"errorDetail":{"message":"toomanyrequests"},"error":"toomanyrequests"}"#.utf8) + [10])
        }
        #expect(error?.description.contains("toomanyrequests") == true)
    }

    @Test("both outputs of a container come in one text; a terminal's is taken as it is")
    func logs() {
        let frames: [UInt8] =
            [1, 0, 0, 0, 0, 0, 0, 3] + Array("ab\n".utf8) + [2, 0, 0, 0, 0, 0, 0, 4] + Array("err\n".utf8)
        #expect(DockerLogFrames.text(frames) == "ab\nerr\n")
        #expect(DockerLogFrames.text(Array("plain text of a terminal".utf8)) == "plain text of a terminal")
        // Cut in the middle of a frame.
        #expect(DockerLogFrames.text(Array(frames.dropLast(2))) == "ab\ner")
    }

    @Test("the outputs of a command are told apart however their frames are cut, and kept up to a limit")
    func outputs() {
        let frames: [UInt8] =
            [1, 0, 0, 0, 0, 0, 0, 3] + Array("ab\n".utf8) + [2, 0, 0, 0, 0, 0, 0, 4] + Array("err\n".utf8)
            + [1, 0, 0, 0, 0, 0, 0, 0] + [1, 0, 0, 0, 0, 0, 1, 1] + [UInt8](repeating: 99, count: 257)
        for size in [1, 3, 8, 11, 1000] {
            for limit in [2, 1000] {
                var outputs = ContainerOutputs(keeping: limit)
                for start in stride(from: 0, to: frames.count, by: size) {
                    outputs.add(Array(frames[start..<min(start + size, frames.count)]))
                }
                let whole = "ab\n" + String(repeating: "c", count: 257)
                #expect(outputs.standardOutput == String(whole.prefix(limit)))
                #expect(outputs.standardError == String("err\n".prefix(limit)))
                #expect(outputs.isCut == (limit == 2))
            }
        }
    }

    @Test(
        "a pull that failed says what its registry answered, and what to do",
        arguments: [
            // As engine 26.1 passes on 401, 403, 404, 429 and 500.
            (
                #"Head "http://127.0.0.1:5000/v2/a/b/manifests/1": no basic auth credentials"#, "401",
                "docker login host:5000"
            ),
            ("unauthorized", "401", "docker login host:5000"), ("denied", "403", "may read it"),
            ("manifest unknown", "404", "the tag"),
            ("toomanyrequests: You have reached your pull rate limit", "429", "Wait"),
            ("received unexpected HTTP status: 503 Service Unavailable", "503", "later"),
            ("received unexpected HTTP status: 500 Internal Server Error", "500", "later"),
            (
                #"Get "http://host:5000/v2/": dial tcp: connect: connection refused"#, "cannot be asked",
                "can be reached"
            ),
        ])
    func registryAnswer(_ words: String, _ status: String, _ remedy: String) {
        let answer = RegistryAnswer(to: ImageReference("host:5000/a/b:1"), .refused(status: 500, words))
        #expect(answer.detail.contains(status) && answer.detail.contains(words), "\(answer.detail)")
        #expect(answer.detail.contains("host:5000") && answer.remedy.contains(remedy), "\(answer.remedy)")
    }

    @Test(
        "the registry of an image is in its name, where it is not Docker Hub",
        arguments: [
            ("nginx", nil), ("library/nginx:1", nil), ("docker.io/library/nginx", nil), ("ghcr.io/a/b:1", "ghcr.io"),
            ("host:5000/a", "host:5000"), ("localhost/a@sha256:12", "localhost"),
        ])
    func registry(_ name: String, _ wanted: String?) {
        #expect(ImageReference(name).registry == wanted)
    }

    @Test("a pull is given the login of its registry, as docker login left it")
    func logins() async throws {
        try await withTemporaryDirectory { directory in
            let logins = RegistryLogins(["DOCKER_CONFIG": directory])
            #expect(try await logins.header(for: "host:5000") == nil)
            // "anna:a:b?>" in Base64.
            let file = #"""
                {"auths": {"host:5000": {"auth": "YW5uYTphOmI/Pg=="}, "bad": {"auth": "%"}, "empty": {},
                "https://index.docker.io/v1/": {"identitytoken": "t"}}, "HttpHeaders": {}}
                """#
            try Data(file.utf8).write(to: URL(filePath: directory + "/config.json"))
            func login(_ registry: String?) async throws -> [String: String]? {
                guard let header = try await logins.header(for: registry) else { return nil }
                let text = header.replacing("-", with: "+").replacing("_", with: "/")
                let data = try #require(Data(base64Encoded: text))
                return try JSONText(trusted: String(decoding: data, as: UTF8.self)).decode([String: String].self)
            }
            #expect(
                try await login("host:5000")
                    == ["username": "anna", "password": "a:b?>", "serveraddress": "host:5000"])
            #expect(try await login(nil)?["identitytoken"] == "t")
            for registry in ["bad", "empty", "other"] { #expect(try await login(registry) == nil) }
            try Data(#"{"credsStore": "no-such-helper"}"#.utf8).write(to: URL(filePath: directory + "/config.json"))
            #expect(try await login("host:5000") == nil)
        }
    }

    @Test(
        "a name of an image is a repository and a tag, or a digest",
        arguments: [
            ("nginx", "nginx", "latest"), ("nginx:1.27", "nginx", "1.27"), ("host:5000/a/b", "host:5000/a/b", "latest"),
            ("host:5000/a/b:2", "host:5000/a/b", "2"), ("a@sha256:12", "a", "sha256:12"),
        ])
    func names(_ text: String, _ repository: String, _ tag: String) {
        #expect(ImageReference(text).repository == repository && ImageReference(text).tag == tag)
    }

    @Test("what a container takes is computed as docker stats does it, with both versions of control groups")
    func usage() throws {
        func usage(memory: String) throws -> ContainerUsage {
            ContainerUsage(
                try JSONText(
                    trusted: #"""
                        {"pids_stats": {"current": 3},
                        "cpu_stats": {"cpu_usage": {"total_usage": 2500000000}, "system_cpu_usage": 30385000000000,
                        "online_cpus": 4},
                        "precpu_stats": {"cpu_usage": {"total_usage": 2000000000}, "system_cpu_usage": 30383000000000},
                        "memory_stats": \#(memory),
                        "blkio_stats": {"io_service_bytes_recursive": [
                        {"major": 8, "minor": 0, "op": "Read", "value": 10}, {"major": 9, "minor": 0, "op": "read", "value": 5},
                        {"major": 8, "minor": 0, "op": "Write", "value": 7}, {"major": 8, "minor": 0, "op": "Total", "value": 17}]},
                        "networks": {"eth0": {"rx_bytes": 1516, "tx_bytes": 1}, "eth1": {"rx_bytes": 10305, "tx_bytes": 2}}}
                        """#
                ).decode(JSONValue.self))
        }
        let first = try usage(
            memory: #"{"usage": 1000, "limit": 5000, "stats": {"inactive_file": 100, "total_inactive_file": 300}}"#)
        #expect(first.cores == 1)
        #expect((first.memory, first.memoryLimit) == (700, 5000))
        #expect((first.received, first.sent, first.read, first.written) == (11821, 3, 15, 7))
        #expect(first.processes == 3)
        #expect(try usage(memory: #"{"usage": 1000, "limit": 5000, "stats": {"inactive_file": 100}}"#).memory == 900)
    }

    @Test("a container that does not run takes nothing")
    func noUsage() throws {
        let answer = try JSONText(
            trusted: #"""
                {"pids_stats": {}, "blkio_stats": {"io_service_bytes_recursive": null}, "cpu_stats": {"cpu_usage":
                {"total_usage": 0}}, "precpu_stats": {"cpu_usage": {"total_usage": 0}}, "memory_stats": {}}
                """#
        ).decode(JSONValue.self)
        let usage = ContainerUsage(answer)
        #expect((usage.cores, usage.memory, usage.processes, usage.read) == (0, 0, 0, 0))
    }
}
