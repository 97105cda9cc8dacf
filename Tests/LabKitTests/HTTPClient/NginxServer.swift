import FoundationEssentials
import Glibc
import LabServers
import NIOCore
import NIOPosix
import Testing

/// A private nginx with an authority of its own, in a temporary directory; ends with its owner.
final class NginxServer: Sendable {
    let plainPort: Int
    let goodPort: Int
    let expiredPort: Int
    let mutualPort: Int
    let authorityPEM: String
    let clientPEM: String
    let clientKeyPEM: String
    private let directory: TemporaryDirectory
    private let process: pid_t

    static func start() async throws -> NginxServer {
        let directory = try TemporaryDirectory()
        try await makeCertificates(in: directory)
        var ports: [Int] = []
        for _ in 0..<4 { ports.append(LoopbackPort.free()) }
        try directory.write(String(repeating: "lab ", count: 10_000), to: "text")
        try Data(count: 20 << 20).write(to: URL(filePath: directory.path + "/large"))
        let configuration = try directory.write(configuration(directory.path, ports: ports), to: "nginx.conf")
        let process = try Programs.spawn(["/usr/sbin/nginx", "-c", configuration, "-p", directory.path])
        let server = try NginxServer(directory, ports: ports, process: process)
        for port in ports { try await Programs.waitForListener(on: port) }
        return server
    }

    private init(_ directory: TemporaryDirectory, ports: [Int], process: pid_t) throws {
        func read(_ name: String) throws -> String {
            try String(decoding: Data(contentsOf: URL(filePath: "\(directory.path)/\(name)")), as: UTF8.self)
        }
        self.directory = directory
        self.process = process
        (plainPort, goodPort, expiredPort, mutualPort) = (ports[0], ports[1], ports[2], ports[3])
        authorityPEM = try read("ca.pem")
        clientPEM = try read("client.pem")
        clientKeyPEM = try read("client.key")
    }

    deinit {
        kill(process, SIGTERM)
        waitpid(process, nil, 0)
    }

    private static func makeCertificates(in directory: TemporaryDirectory) async throws {
        let path = directory.path
        func key(_ name: String) throws {
            try Programs.run([
                "openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out",
                "\(path)/\(name).key",
            ])
        }
        try key("ca")
        try Programs.run([
            "openssl", "req", "-x509", "-new", "-key", "\(path)/ca.key", "-subj", "/CN=Test Authority", "-days", "30",
            "-out", "\(path)/ca.pem",
        ])
        try directory.write("subjectAltName=DNS:localhost,IP:127.0.0.1\n", to: "san")
        // openssl x509 cannot date back; an expired one is made with a validity of -1 days, which it accepts.
        for (name, subject, days) in [
            ("good", "localhost", "10"), ("expired", "localhost", "-1"), ("client", "me", "10"),
        ] {
            try key(name)
            try Programs.run([
                "openssl", "req", "-new", "-key", "\(path)/\(name).key", "-subj", "/CN=\(subject)", "-out",
                "\(path)/\(name).csr",
            ])
            try Programs.run([
                "openssl", "x509", "-req", "-in", "\(path)/\(name).csr", "-CA", "\(path)/ca.pem", "-CAkey",
                "\(path)/ca.key", "-CAcreateserial", "-days", days, "-extfile", "\(path)/san", "-out",
                "\(path)/\(name).pem",
            ])
        }
    }

    private static func configuration(_ path: String, ports: [Int]) -> String {
        func tls(_ port: Int, _ name: String, _ more: String = "") -> String {
            """
            server {
                listen 127.0.0.1:\(port) ssl http2;
                ssl_certificate \(path)/\(name).pem;
                ssl_certificate_key \(path)/\(name).key;
                location /hello { return 200 "hello"; }
                location /down { return 301 http://localhost:\(ports[0])/hello; }
                location /large { root \(path); }
                \(more)
            }
            """
        }
        return """
            daemon off;
            \(getuid() == 0 ? "user root;" : "")
            worker_processes 1;
            pid \(path)/pid;
            error_log \(path)/error.log;
            events { worker_connections 512; }
            http {
                access_log off;
                client_body_temp_path \(path)/t1; proxy_temp_path \(path)/t2; fastcgi_temp_path \(path)/t3;
                uwsgi_temp_path \(path)/t4; scgi_temp_path \(path)/t5;
                gzip on; gzip_types text/plain; default_type text/plain;
                server {
                    listen 127.0.0.1:\(ports[0]);
                    location /hello { return 200 "hello"; }
                    location /up { return 301 https://localhost:\(ports[1])/hello; }
                    location /text { root \(path); }
                }
                \(tls(ports[1], "good"))
                \(tls(ports[2], "expired"))
                \(tls(ports[3], "good", "ssl_verify_client on; ssl_client_certificate \(path)/ca.pem;"))
            }
            """
    }
}

/// Starts programs with an argument vector.
enum Programs {
    struct Failed: Error {
        let arguments: [String]
        let status: CInt
    }

    static func spawn(_ arguments: [String], quiet: Bool = true) throws -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        for descriptor: CInt in quiet ? [1, 2] : [] {
            posix_spawn_file_actions_addopen(&actions, descriptor, "/dev/null", O_WRONLY, 0)
        }
        var vector = arguments.map { strdup($0) }
        defer { for pointer in vector { free(pointer) } }
        vector.append(nil)
        var process = pid_t()
        let code = posix_spawnp(&process, arguments[0], &actions, nil, vector, environ)
        guard code == 0 else { throw Failed(arguments: arguments, status: code) }
        return process
    }

    /// Runs a short program to its end.
    static func run(_ arguments: [String]) throws {
        let process = try spawn(arguments)
        var status: CInt = 0
        waitpid(process, &status, 0)
        guard status == 0 else { throw Failed(arguments: arguments, status: status) }
    }

    static func waitForListener(on port: Int) async throws {
        for _ in 0..<400 {
            let channel = try? await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
                .connect(host: "127.0.0.1", port: port).get()
            if let channel { return try await channel.close().get() }
            try await Task.sleep(for: .milliseconds(25))
        }
        throw Failed(arguments: ["listener on port \(port)"], status: -1)
    }
}
