"""The cases of PDEAgent-Bench as problem files, solved and compared with their solutions."""
