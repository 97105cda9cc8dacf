import LabCrypto
