// swift-tools-version: 6.2
import PackageDescription

/// What every target is compiled with: Swift 6 language mode comes with the tools version.
let settings: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
]

let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
let subprocess: Target.Dependency = .product(name: "Subprocess", package: "swift-subprocess")
let systemPackage: Target.Dependency = .product(name: "SystemPackage", package: "swift-system")
let hummingbird: Target.Dependency = .product(name: "Hummingbird", package: "hummingbird")
let hummingbirdCore: Target.Dependency = .product(name: "HummingbirdCore", package: "hummingbird")
let lifecycle: Target.Dependency = .product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let metrics: Target.Dependency = .product(name: "Metrics", package: "swift-metrics")
let httpTypes: Target.Dependency = .product(name: "HTTPTypes", package: "swift-http-types")
let tracing: Target.Dependency = .product(name: "Tracing", package: "swift-distributed-tracing")
let nioCore: Target.Dependency = .product(name: "NIOCore", package: "swift-nio")
let arguments: Target.Dependency = .product(name: "ArgumentParser", package: "swift-argument-parser")
let unixSignals: Target.Dependency = .product(name: "UnixSignals", package: "swift-service-lifecycle")
let coreMetrics: Target.Dependency = .product(name: "CoreMetrics", package: "swift-metrics")
let nioPosix: Target.Dependency = .product(name: "NIOPosix", package: "swift-nio")

/// A module of LabKit: `labKit("Postgres", …)` is the target LabPostgres in Libraries/LabKit/Postgres.
func labKit(_ name: String, _ dependencies: [Target.Dependency] = [], resources: [Resource] = []) -> Target {
    .target(
        name: "Lab\(name)", dependencies: dependencies, path: "Libraries/LabKit/\(name)", resources: resources,
        swiftSettings: settings)
}

/// The tests of a LabKit module, in Tests/LabKitTests/<module>.
func labKitTests(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .testTarget(
        name: "Lab\(name)Tests", dependencies: [.target(name: "Lab\(name)")] + dependencies,
        path: "Tests/LabKitTests/\(name)", swiftSettings: settings)
}

/// A service: the library in Services/<folder>, with its face `<Name>Service`.
func service(
    _ name: String, folder: String, _ dependencies: [Target.Dependency] = [], notes: [String] = [],
    resources: [Resource] = []
) -> Target {
    .target(
        name: name, dependencies: dependencies, path: "Services/\(folder)", exclude: ["README.md"] + notes,
        resources: resources, swiftSettings: settings)
}

/// The tests of a service, in Tests/<Name>Tests.
func serviceTests(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .testTarget(
        name: "\(name)Tests",
        dependencies: [
            .target(name: name), "LabCore", "LabDNSClient", "LabHTTPClient", "LabMQTT", "LabPostgres", "LabServers",
            "LabService", "LabState", "LabTesting", logging, nioCore, nioPosix,
        ] + dependencies,
        path: "Tests/\(name)Tests", swiftSettings: settings)
}

/// A C library, found through pkg-config. Each has exactly one importer, so that no handle escapes its wrapper.
func cLibrary(_ name: String, pkgConfig: String, apt: String) -> Target {
    .systemLibrary(name: name, path: "Libraries/\(name)", pkgConfig: pkgConfig, providers: [.apt([apt])])
}

let package = Package(
    name: "homelab",
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-distributed-tracing", from: "1.7.0"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.0", traits: []),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/swiftlang/swift-subprocess", from: "1.0.2", traits: []),
        .package(url: "https://github.com/apple/swift-system", from: "1.5.0"),
    ],
    targets: [
        cLibrary("CLibpq", pkgConfig: "libpq", apt: "libpq-dev"),
        cLibrary("CMosquitto", pkgConfig: "libmosquitto", apt: "libmosquitto-dev"),
        cLibrary("CCurl", pkgConfig: "libcurl", apt: "libcurl4-openssl-dev"),
        cLibrary("COpenSSL", pkgConfig: "openssl", apt: "libssl-dev"),
        cLibrary("CYAML", pkgConfig: "yaml-0.1", apt: "libyaml-dev"),

        labKit("Core", [logging]),
        labKit("Postgres", ["CLibpq", "LabCore", logging]),
        labKit("MQTT", ["CMosquitto", "LabCore", logging]),
        labKit("HTTPClient", ["CCurl", "LabCore", logging]),
        labKit("DNSClient", ["LabCore", nioCore, nioPosix]),
        labKit("Crypto", ["COpenSSL", "LabCore"]),
        labKit("YAML", ["CYAML", "LabCore"]),
        labKit("Servers", ["LabCore", subprocess, systemPackage, logging]),
        labKit(
            "State", ["LabCore", "LabPostgres", "LabMQTT", logging, tracing], resources: [.embedInCode("Migrations")]),
        labKit(
            "Service",
            [
                "LabCore", "LabCrypto", "LabHTTPClient", "LabMQTT", "LabPostgres", "LabState", hummingbird,
                hummingbirdCore, httpTypes,
                lifecycle, logging, metrics, coreMetrics, nioCore, tracing,
            ]),
        labKit("Testing", ["LabCore", "LabServers", logging]),
        .target(
            name: "LabKit",
            dependencies: [
                "LabCore", "LabCrypto", "LabDNSClient", "LabHTTPClient", "LabMQTT", "LabPostgres", "LabService",
                "LabState",
            ],
            path: "Libraries/LabKit/LabKit", swiftSettings: settings),

        service(
            "DNSManager", folder: "dns-manager",
            ["LabCore", "LabDNSClient", "LabServers", "LabService", "LabState", logging, nioCore, nioPosix],
            notes: ["Drivers/Unbound/notes.md"]),
        service(
            "Provisioner", folder: "provisioner",
            [
                "LabCore", "LabCrypto", "LabHTTPClient", "LabMQTT", "LabPostgres", "LabServers", "LabService",
                "LabState", "LabYAML", logging, nioCore, nioPosix,
            ], resources: [.embedInCode("Migrations")]),
        service(
            "ProxyRouter", folder: "proxy-router",
            [
                "LabCore", "LabCrypto", "LabDNSClient", "LabHTTPClient", "LabPostgres", "LabServers", "LabService",
                "LabState",
                logging,
            ], resources: [.embedInCode("Migrations")]),
        .executableTarget(
            name: "lab",
            dependencies: [
                "DNSManager", "LabKit", "LabServers", "Provisioner", "ProxyRouter", arguments, lifecycle, logging,
                metrics,
                subprocess, systemPackage, unixSignals,
            ],
            path: "Services/lab", swiftSettings: settings),

        .executableTarget(
            name: "lab-bench", dependencies: ["LabKit", "LabServers", "LabTesting", hummingbird, logging, nioCore],
            path: "Benchmarks",
            exclude: ["run"], swiftSettings: settings),

        labKitTests("Core"),
        labKitTests("Postgres", ["LabCore", "LabServers", "LabTesting", logging]),
        labKitTests("MQTT", ["LabCore", "LabServers", "LabTesting", logging]),
        labKitTests("HTTPClient", ["LabCore", "LabServers", "LabTesting", logging, nioCore, nioPosix]),
        labKitTests("DNSClient", ["LabCore", "LabServers", "LabTesting", nioCore, nioPosix]),
        labKitTests("Crypto"),
        labKitTests("YAML", ["LabCore"]),
        labKitTests("Servers", ["LabCore", "LabTesting", logging]),
        labKitTests("State", ["LabCore", "LabPostgres", "LabTesting", logging]),
        labKitTests(
            "Service",
            [
                "LabCore", "LabHTTPClient", "LabMQTT", "LabPostgres", "LabServers", "LabState", "LabTesting",
                hummingbird, logging, metrics,
            ]),
        serviceTests("DNSManager"),
        serviceTests("Provisioner"),
        serviceTests("ProxyRouter", ["LabCrypto"]),
        // One suite a seam, over all its drivers, with the fixtures of the drivers' own tests.
        .testTarget(
            name: "ConformanceTests",
            dependencies: [
                "DNSManager", "DNSManagerTests", "LabCore", "LabHTTPClient", "LabService", "LabState", "LabTesting",
                "Provisioner", "ProvisionerTests", "ProxyRouter", "ProxyRouterTests", logging,
            ],
            path: "Tests/ConformanceTests", swiftSettings: settings),
        .testTarget(
            name: "PlatformTests",
            dependencies: ["LabCore", "LabServers", "LabService", "LabState", "LabTesting", "lab"],
            path: "Tests/PlatformTests", swiftSettings: settings),
        .testTarget(
            name: "SystemTests",
            dependencies: [
                "LabCore", "LabHTTPClient", "LabMQTT", "LabPostgres", "LabServers", "LabState", "LabTesting",
                httpTypes, hummingbird, logging, nioCore,
            ],
            path: "Tests/SystemTests", exclude: ["api-conformance", "compose-corpus"], swiftSettings: settings),
    ]
)
