import Foundation
import LabKit
import LabServers
import LabTesting

/// Resident memory after 30 idle seconds: the whole lab's process, and each service alone.
enum MemoryBenchmark {
    private static let services = ["dns-manager", "proxy-router", "provisioner"]
    private static let idle: Duration = .seconds(30)

    static func run() async throws -> [Measurement] {
        let all = try await RunningLab.with { lab in
            try await Task.sleep(for: idle)
            return try ProcessFigures.residentMegabytes(of: lab.info.pids.lab)
        }
        var measurements = [Measurement("all services in one process, idle", all, unit: "MB resident")]
        measurements += try await alone()
        return measurements
    }

    /// Each service in a process of its own, on servers that they share as containers would.
    private static func alone() async throws -> [Measurement] {
        try await withPrivatePostgres { postgres in
            try await withPrivateMosquitto(allowsAnonymous: true) { mosquitto in
                try await withPrivateUnbound { unbound in
                    try await withPrivateNginx { nginx in
                        try await withTemporaryDirectory { directory in
                            let shared = environment(
                                directory, postgres: postgres, mosquitto: mosquitto, unbound: unbound, nginx: nginx)
                            var figures: [Measurement] = []
                            for service in services {
                                figures.append(try await alone(service, shared))
                            }
                            return figures
                        }
                    }
                }
            }
        }
    }

    private static func environment(
        _ directory: String, postgres: PrivatePostgres, mosquitto: PrivateMosquitto, unbound: PrivateUnbound,
        nginx: PrivateNginx
    ) -> [String: String] {
        [
            "LAB_DATABASE_OWNER_URL": postgres.connectionString, "LAB_DATABASE_URL": postgres.connectionString,
            "LAB_DATABASE_PASSWORD": "bench", "LAB_MQTT_HOST": "127.0.0.1", "LAB_MQTT_PORT": String(mosquitto.port),
            "LAB_LISTEN": "127.0.0.1", "LAB_DNS_SERVER": "127.0.0.1:\(unbound.port)",
            "LAB_UNBOUND_CONTROL": unbound.controlSocket, "LAB_UNBOUND_CONF": unbound.server.configurationFile,
            "LAB_UNBOUND_RECORDS": unbound.recordsFile, "LAB_NGINX_DIR": nginx.directory,
            "LAB_NGINX_CONF": nginx.configurationFile, "LAB_NGINX_PID": nginx.server.pidFile,
            "LAB_HTTP_PORT": String(nginx.port), "LAB_HTTPS_PORT": String(nginx.ports[1]),
            "LAB_NGINX_CONTROL_PORT": String(LoopbackPort.free()), "LAB_SEALING_KEY_FILE": directory + "/sealing.key",
            "LAB_DOCS_DIR": directory, "LAB_LOG_LEVEL": "warning",
        ]
    }

    private static func alone(_ service: String, _ shared: [String: String]) async throws -> Measurement {
        let port = LoopbackPort.free()
        let process = try BackgroundProgram.start(
            RunningLab.program, ["serve", service], environment: shared.merging(["LAB_API_PORT": String(port)]) { $1 })
        try await BackgroundProgram.untilListening(port)
        try await Task.sleep(for: idle)
        let memory = try ProcessFigures.residentMegabytes(of: process.processIdentifier)
        try await BackgroundProgram.stop(process)
        return Measurement("\(service) alone, idle", memory, unit: "MB resident")
    }
}
