import Foundation
import LabKit
import LabServers
import LabTesting

/// From the declaration of an app to the moment at which the API says that it is online, beside the same steps by hand.
enum DeployBenchmark {
    private static let count = 200

    static func run() async throws -> [Measurement] {
        try await withAnsweringNginx { upstream in
            let ours = try await RunningLab.with { lab in
                var latencies: [Double] = []
                try await deploy("warm", lab, upstream)
                for number in 0..<count {
                    let start = ContinuousClock.now
                    try await deploy("bench-\(number)", lab, upstream)
                    latencies.append((ContinuousClock.now - start).milliseconds)
                }
                return latencies
            }
            let hand = try await DeploymentByHand.latencies(count, upstream: upstream)
            return [0.5, 0.99].map { share in
                Measurement(
                    "deploy to Online, p\(Int(share * 100)) of \(count)", ours: ours.quantile(share),
                    peer: ("openssl, nginx, unbound-control, curl by hand", hand.quantile(share)), unit: "ms")
            }
        }
    }

    private static func deploy(_ name: String, _ lab: RunningLab, _ upstream: Int) async throws {
        let generation = try await lab.put("/v1/apps/\(name)", ["upstream": .string("http://127.0.0.1:\(upstream)")])
        try await lab.wait(kind: "apps", name, generation: generation, until: "Online")
    }
}

/// What a person would do in a terminal, without a moment of thought.
struct DeploymentByHand: Sendable {
    let directory: String
    let nginx: PrivateNginx
    let unbound: PrivateUnbound
    let upstream: Int

    /// Milliseconds of each deployment.
    static func latencies(_ count: Int, upstream: Int) async throws -> [Double] {
        try await withTemporaryDirectory { directory in
            try await withPrivateNginx { nginx in
                try await withPrivateUnbound { unbound in
                    let hand = DeploymentByHand(
                        directory: directory, nginx: nginx, unbound: unbound, upstream: upstream)
                    try await hand.makeAuthority()
                    var latencies: [Double] = []
                    for number in 0..<count {
                        let start = ContinuousClock.now
                        try await hand.deploy("bench-\(number)")
                        latencies.append((ContinuousClock.now - start).milliseconds)
                    }
                    return latencies
                }
            }
        }
    }

    private func makeAuthority() async throws {
        try await openssl([
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30", "-subj",
            "/CN=bench", "-keyout", "\(directory)/ca.key", "-out", "\(directory)/ca.pem",
        ])
    }

    private func deploy(_ name: String) async throws {
        let host = "\(name).home.arpa"
        try await openssl([
            "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=\(host)", "-addext",
            "subjectAltName=DNS:\(host)", "-keyout", "\(directory)/\(name).key", "-out", "\(directory)/\(name).csr",
        ])
        try await openssl([
            "x509", "-req", "-in", "\(directory)/\(name).csr", "-CA", "\(directory)/ca.pem", "-CAkey",
            "\(directory)/ca.key", "-CAcreateserial", "-copy_extensions", "copy", "-days", "30", "-out",
            "\(directory)/\(name).pem",
        ])
        let site = """
            server {
                listen 127.0.0.1:\(nginx.ports[1]) ssl;
                server_name \(host);
                ssl_certificate \(directory)/\(name).pem;
                ssl_certificate_key \(directory)/\(name).key;
                location / { proxy_pass http://127.0.0.1:\(upstream); }
            }

            """
        try Data(site.utf8).write(to: URL(filePath: "\(nginx.server.siteDirectory)/\(name).conf"))
        try await Program.run(
            "nginx",
            [
                "-e", "stderr", "-p", nginx.directory + "/", "-c", nginx.configurationFile, "-s", "reload",
            ]
        ).orThrow()
        try await Program.run(
            "unbound-control",
            [
                "-c", unbound.server.configurationFile, "-s", unbound.controlSocket, "local_data",
                "\(host). 60 IN A 127.0.0.1",
            ]
        ).orThrow()
        try await untilOnline(host)
    }

    /// nginx goes on with its former configuration for a moment, so the first looks may be in vain.
    private func untilOnline(_ host: String) async throws {
        let deadline = ContinuousClock.now + .seconds(20)
        while ContinuousClock.now < deadline {
            let result = try await Program.run(
                "curl",
                [
                    "--silent", "--fail", "--output", "/dev/null", "--cacert", "\(directory)/ca.pem", "--resolve",
                    "\(host):\(nginx.ports[1]):127.0.0.1", "https://\(host):\(nginx.ports[1])/",
                ])
            if result.status.isSuccess { return }
        }
        throw BenchmarkFailure("\(host) does not answer")
    }

    private func openssl(_ arguments: [String]) async throws {
        try await Program.run("openssl", arguments).orThrow()
    }
}
